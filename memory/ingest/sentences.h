#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace corvid::memory {

// The sentences of a text but its questions, which state nothing. Left out are lines that quote
// ("> ...", between ``` fences) and calls of tools ("NAME {...}").
std::vector<std::string_view> statements_of(std::string_view text);

std::vector<std::string_view> questions_of(std::string_view text);  // the others

struct Word {
  std::string low{};
  std::string_view as_said{};
  bool ends_clause = false;  // a comma, bracket or the like follows
  bool is_quoted = false;    // stands between double quotes
};
using Words = std::vector<Word>;

Words words_in(std::string_view sentence);

// Does the speaker say that what begins at words[at] is so? Not behind "if", "suppose", "maybe" or
// "make sure", nor between quotes, nor where somebody else is said to say it.
bool is_claimed(const Words& words, size_t at);

}  // namespace corvid::memory
