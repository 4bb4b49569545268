#pragma once
// Text of files as tools edit it: lines with their endings, so that those are kept.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corvid::tools {

inline constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

struct TextLine {
  std::string_view text;
  std::string_view ending;  // "\n", "\r\n" or "" at the end of the file
};

std::vector<TextLine> text_lines(std::string_view text);

// A zero byte near the start; such a file is never shown or edited as text.
bool is_binary(std::string_view content);

// What new lines should end with: the ending of most lines, "\n" when there is none.
std::string_view usual_ending(std::string_view text);

// Every "\n" or "\r\n" becomes `ending`.
std::string with_endings(std::string_view text, std::string_view ending);

// As models see files: "\n" endings, no byte order mark.
std::string normal_text(std::string_view content);

// `content` with one line replaced, inserted before `line`, or erased. `line` is 1-based and
// exists; for an insertion it may be one behind the last. Endings, byte order mark and the other
// lines stay.
enum class LineChange { replace, insert, erase };
std::string change_line(std::string_view content, int line, LineChange change,
                        std::string_view new_text);

// The text of a line as models see it; nullopt when there is no such line.
std::optional<std::string_view> line_at(std::string_view content, int line);

}  // namespace corvid::tools
