#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "memory/types.h"

namespace corvid::memory {

// Deterministic marks of a turn, kept with it as bits.
inline constexpr uint32_t kHasTimeWord = 1;   // "yesterday", "March", "2023", ...
inline constexpr uint32_t kAsks = 2;          // ends with a question mark
inline constexpr uint32_t kOneCapital = 4;    // a capitalised word inside a sentence
inline constexpr uint32_t kManyCapitals = 8;  // two or more

uint32_t annotate(std::string_view text);

// What full-text search sees of a turn: all of it, of tool output the first kToolIndexBytes.
inline constexpr size_t kToolIndexBytes = 2048;
std::string_view indexed_text(const Turn& turn);
// The same as the index takes it: with blanks between the words of scripts that have none (Han,
// Kana, Hangul), a word being two characters that follow each other.
std::string searched_text(const Turn& turn);
inline constexpr int kSearchedForm = 2;  // rises when searched_text() changes

// Runs of letters and digits (bytes above ASCII count as letters), lower case; of scripts without
// blanks pairs of characters. An apostrophe inside a word stays ("don't"), the typographic one is
// made plain.
std::vector<std::string> words_of(std::string_view text);

// The same joined by blanks: what a text says without regard to case and marks.
std::string plain_words(std::string_view text);

// Without the commonest endings of English verbs and plurals.
std::string rough_stem(std::string word);

// What forms of a word begin with, roughly: "deployed", "deploys", "deploy".
std::string_view stem_of(std::string_view word);

// Number of FTS5 unicode61 tokens, nearly: runs of letters and digits.
int32_t count_words(std::string_view text);

// Words that carry no content in English questions and answers.
bool is_stop_word(std::string_view word);

}  // namespace corvid::memory
