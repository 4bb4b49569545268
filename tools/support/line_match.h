#pragma once
// Finding a passage of lines in a file although a model did not repeat it to the letter.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace corvid::tools {

// From strict to tolerant; each allows what those before it allow.
enum class LineFit { exact, trailing_space, indentation, punctuation };
inline constexpr LineFit kLineFits[] = {LineFit::exact, LineFit::trailing_space,
                                        LineFit::indentation, LineFit::punctuation};

// `punctuation`: Unicode dashes, quotes and spaces count as their ASCII forms.
bool lines_fit(std::string_view line, std::string_view wanted, LineFit fit);

// 0-based positions in `lines`, from `first` on, where all of `wanted` stands in a row.
std::vector<size_t> find_lines(std::span<const std::string_view> lines,
                               std::span<const std::string_view> wanted, LineFit fit,
                               size_t first = 0);

// How far the indentation of `found` is from that of `wanted`, for lines that take the place of it.
class Indentation {
 public:
  Indentation(std::span<const std::string_view> found, std::span<const std::string_view> wanted);
  std::string of(std::string_view new_line) const;

 private:
  std::string added_;   // in front of each line
  size_t removed_ = 0;  // blanks taken from the front of each line
};

}  // namespace corvid::tools
