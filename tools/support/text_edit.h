#pragma once
// Replacing one passage of a text that must be found exactly once.

#include <string>
#include <string_view>
#include <vector>

namespace corvid::tools {

struct TextEdit {
  std::string content;  // after the edit; empty unless match_count == 1
  int match_count = 0;
  std::vector<int> match_lines;  // 1-based line of each match, at most kMatchLinesMax
};

inline constexpr int kMatchLinesMax = 20;

// `old_text` and `new_text` come with "\n" endings, the content may have others: they fit each
// other, and what is put in gets the file's endings. When the passage stands at the end of a file
// without a final newline, the last newline of `old_text` and `new_text` is left out. A passage
// that is not there to the letter is looked for as whole lines, without trailing blanks, then
// without indentation (the new lines are shifted along), then with Unicode punctuation folded.
TextEdit replace_once(std::string_view content, std::string_view old_text,
                      std::string_view new_text);

// The lines of the content that resemble `text` most, with numbers ("12|text"), or "" when nothing
// does.
std::string closest_lines(std::string_view content, std::string_view text);

}  // namespace corvid::tools
