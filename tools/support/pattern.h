#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace corvid::tools {

// What search looks for in a line: a regular expression (PCRE2, UTF-8) or, when `text` is none, the
// text itself. Matching is bounded; a line that takes too many steps does not match.
class SearchPattern {
 public:
  explicit SearchPattern(std::string_view text);
  ~SearchPattern();
  SearchPattern(const SearchPattern&) = delete;
  SearchPattern& operator=(const SearchPattern&) = delete;

  bool is_literal() const { return code_ == nullptr; }
  const std::string& problem() const { return problem_; }  // why it is no regular expression
  bool matches(std::string_view line) const;

 private:
  struct Code;
  std::string text_;
  std::string problem_;
  std::unique_ptr<Code> code_;
};

}  // namespace corvid::tools
