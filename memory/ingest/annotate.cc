#include "memory/ingest/annotate.h"

#include <algorithm>
#include <array>

#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

// Sorted.
constexpr std::string_view kStopWords[] = {
    "a",       "about",  "after",   "all",    "also",   "am",      "an",     "and",    "any",
    "are",     "as",     "at",      "be",     "because", "been",   "before", "being",  "but",
    "by",      "can",    "could",   "did",    "do",     "does",    "doing",  "don't",  "down",
    "for",     "from",   "had",     "has",    "have",   "having",  "he",     "her",    "here",
    "hers",    "him",    "his",     "how",    "i",      "i'd",     "i'll",   "i'm",    "i've",
    "if",      "in",     "into",    "is",     "it",     "it's",    "its",    "just",   "me",
    "might",   "more",   "most",    "my",     "no",     "nor",     "not",    "of",     "off",
    "on",      "once",   "only",    "or",     "other",  "our",     "out",    "over",   "own",
    "same",    "she",    "should",  "so",     "some",   "such",    "than",   "that",   "that's",
    "the",     "their",  "them",    "then",   "there",  "these",   "they",   "this",   "those",
    "through", "to",     "too",     "under",  "until",  "up",      "very",   "was",    "we",
    "were",    "what",   "what's",  "when",   "where",  "which",   "while",  "who",    "whom",
    "why",     "will",   "with",    "would",  "you",    "you're",  "you've", "your"};

// Sorted.
constexpr std::string_view kTimeWords[] = {
    "ago",      "april",  "august",   "day",     "days",      "december",  "evening", "february",
    "friday",   "january", "july",    "june",    "last",      "march",     "may",     "monday",
    "month",    "months", "morning",  "next",    "november",  "october",   "recently", "saturday",
    "september", "since", "sunday",   "thursday", "today",    "tomorrow",  "tonight", "tuesday",
    "wednesday", "week",  "weekend",  "weeks",   "year",      "years",     "yesterday"};

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_word(char c) {
  return is_lower(c) || is_upper(c) || is_digit(c) || static_cast<unsigned char>(c) >= 0x80;
}
char lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_year(std::string_view word) {
  return word.size() == 4 && (word.starts_with("19") || word.starts_with("20")) &&
         is_digit(word[2]) && is_digit(word[3]);
}

bool has_time_word(std::string_view text) {
  std::string word;
  for (size_t i = 0; i <= text.size(); ++i) {
    const bool inside = i < text.size() && (is_word(text[i]) || text[i] == '_');
    if (inside) {
      word += lower(text[i]);
      continue;
    }
    const std::string_view found = word;
    if (is_year(found) || std::ranges::binary_search(kTimeWords, found)) return true;
    word.clear();
  }
  return false;
}

// Capitalised words that do not start a sentence; at most 2 are counted.
uint32_t inner_capitals(std::string_view text) {
  uint32_t count = 0;
  for (size_t i = 1; i + 1 < text.size() && count < 2; ++i) {
    if (!is_upper(text[i]) || !is_lower(text[i + 1])) continue;
    const char before = text[i - 1];
    if (is_word(before) || before == '_') continue;
    if (i >= 2 && is_space(before) &&
        (text[i - 2] == '.' || text[i - 2] == '!' || text[i - 2] == '?')) {
      continue;
    }
    ++count;
  }
  return count;
}

char32_t character_at(std::string_view text, size_t at, size_t& size) {
  const auto byte = [&](size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const unsigned first = byte(0);
  size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  size = std::min(size, text.size() - at);
  char32_t code = size == 1 ? first : first & (0xFFu >> (size + 1));
  for (size_t i = 1; i < size; ++i) code = code << 6 | (byte(i) & 0x3F);
  return code;
}

// Letters of scripts that write words without blanks between them.
bool is_unspaced(char32_t code) {
  return (code >= 0x3041 && code <= 0x30FF && code != 0x30FB) ||
         (code >= 0x3400 && code <= 0x9FFF) || (code >= 0xAC00 && code <= 0xD7A3) ||
         (code >= 0xF900 && code <= 0xFAFF) || (code >= 0x20000 && code <= 0x3FFFF);
}

// Punctuation of these scripts, and the wide forms of ASCII's.
bool is_wide_punctuation(char32_t code) {
  return (code >= 0x3000 && code <= 0x303F && code != 0x3005) || code == 0x30FB ||
         (code >= 0xFF01 && code <= 0xFF0F) || (code >= 0xFF1A && code <= 0xFF20) ||
         (code >= 0xFF3B && code <= 0xFF40) || (code >= 0xFF5B && code <= 0xFF65);
}

bool may_be_unspaced(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0xE3; });
}

// "生产的 v2です" -> "生产 产的 v2 です".
std::string spaced(std::string_view text) {
  if (!may_be_unspaced(text)) return std::string(text);
  std::string out;
  std::string_view before;  // a letter that goes with the next one
  bool is_alone = false;    // and with none before it
  const auto end_run = [&] {
    if (is_alone) out += before;
    if (!before.empty()) out += ' ';
    before = {};
    is_alone = false;
  };
  for (size_t at = 0, size = 1; at < text.size(); at += size) {
    const char32_t code = character_at(text, at, size);
    const std::string_view letter = text.substr(at, size);
    if (!is_unspaced(code)) {
      end_run();
      if (is_wide_punctuation(code)) out += ' ';
      else out += letter;
      continue;
    }
    if (before.empty()) {
      out += ' ';
      is_alone = true;
    } else {
      if (!is_alone) out += ' ';
      out += before;
      out += letter;
      is_alone = false;
    }
    before = letter;
  }
  end_run();
  return out;
}

// The text without a bracketed remark at its end ("... right? [image: a cat]").
std::string_view without_remark(std::string_view text) {
  text = trim(text);
  if (!text.ends_with(']')) return text;
  const size_t open = text.rfind('[');
  return open == std::string_view::npos ? text : trim(text.substr(0, open));
}

}  // namespace

uint32_t annotate(std::string_view text) {
  uint32_t marks = 0;
  if (has_time_word(text)) marks |= kHasTimeWord;
  if (without_remark(text).ends_with('?')) marks |= kAsks;
  const uint32_t capitals = inner_capitals(text);
  if (capitals == 1) marks |= kOneCapital;
  if (capitals >= 2) marks |= kManyCapitals;
  return marks;
}

std::string_view indexed_text(const Turn& turn) {
  return turn.tier <= Tier::tool ? truncate_utf8(turn.text, kToolIndexBytes)
                                 : std::string_view(turn.text);
}

std::string searched_text(const Turn& turn) { return spaced(indexed_text(turn)); }

std::vector<std::string> words_of(std::string_view given) {
  const std::string text_of_words = spaced(given);
  const std::string_view text = text_of_words;
  std::vector<std::string> words;
  std::string word;
  for (size_t i = 0; i < text.size();) {
    size_t apostrophe = text[i] == '\'' ? 1 : 0;
    if (text.substr(i).starts_with("\xe2\x80\x99")) apostrophe = 3;
    if (apostrophe > 0) {
      const size_t after = i + apostrophe;
      const bool joins = !word.empty() && word.find('\'') == std::string::npos &&
                         after < text.size() && is_lower(lower(text[after]));
      if (joins) {
        word += '\'';
      } else if (!word.empty()) {
        words.push_back(std::move(word));
        word.clear();
      }
      i = after;
      continue;
    }
    const bool is_punctuation = text.substr(i).starts_with("\xe2\x80");  // U+2000..U+203F
    if (is_word(text[i]) && !is_punctuation) {
      word += lower(text[i]);
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
    i += is_punctuation ? std::min<size_t>(3, text.size() - i) : 1;
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::string plain_words(std::string_view text) { return join(words_of(text), " "); }

std::string rough_stem(std::string word) {
  for (const std::string_view ending : {"ing", "ed", "es", "s", "e"}) {
    if (word.size() >= ending.size() + 3 && word.ends_with(ending)) {
      word.resize(word.size() - ending.size());
      break;
    }
  }
  return word;
}

std::string_view stem_of(std::string_view word) {
  return word.size() > 4 ? truncate_utf8(word, std::max<size_t>(4, word.size() * 2 / 3)) : word;
}

int32_t count_words(std::string_view text) {
  int32_t count = 0;
  bool inside = false;
  for (size_t i = 0; i < text.size(); ++i) {
    bool now = is_word(text[i]);
    // U+2010..U+203F, general punctuation, separates words.
    if (now && text[i] == '\xe2' && i + 1 < text.size() && text[i + 1] == '\x80') {
      i += 2;
      now = false;
    }
    if (now && !inside) ++count;
    inside = now;
  }
  return count;
}

bool is_stop_word(std::string_view word) { return std::ranges::binary_search(kStopWords, word); }

}  // namespace corvid::memory
