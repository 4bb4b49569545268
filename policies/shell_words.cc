#include "policies/shell_words.h"

#include <algorithm>
#include <array>

#include "runtime/base/text.h"

namespace corvid::policies {
namespace {

constexpr std::string_view kBlank = " \t";
constexpr std::string_view kJoins = ";|&\n";
// Outside of quotes these make a text more than plain words.
constexpr std::string_view kSpecial = "$`<>(){}*?[]~!#\\";
constexpr std::array<std::string_view, 12> kShells = {
    "ash", "bash", "csh", "dash", "fish", "ksh", "mksh", "rbash", "sh", "tcsh", "yash", "zsh"};
constexpr std::array<std::string_view, 19> kKeywords = {
    "if",   "then", "else", "elif",     "fi",   "for",  "while", "until",  "do", "done",
    "case", "esac", "in",   "function", "time", "eval", "exec",  "source", "."};

bool is_in(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

bool is_assignment(std::string_view word) {
  const size_t equals = word.find('=');
  if (equals == word.npos || equals == 0) return false;
  return std::all_of(word.begin(), word.begin() + ptrdiff_t(equals), is_word_byte);
}

class Splitter {
  static constexpr size_t kAllPlain = std::string::npos;

 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  std::optional<std::vector<std::vector<std::string>>> run() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (is_in(c, kBlank)) {
        if (!end_word()) return std::nullopt;
      } else if (is_in(c, kJoins)) {
        if (!end_word()) return std::nullopt;
        end_command();
      } else if (c == '\'' || c == '"') {
        if (!take_quoted(c)) return std::nullopt;
      } else if (is_in(c, kSpecial) || c == '\r' || c == '\0') {
        return std::nullopt;
      } else {
        word_ += c;
        has_word_ = true;
      }
    }
    if (!end_word()) return std::nullopt;
    end_command();
    if (commands_.empty()) return std::nullopt;
    return std::move(commands_);
  }

 private:
  bool take_quoted(char quote) {
    has_word_ = true;
    plain_size_ = std::min(plain_size_, word_.size());
    for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (quote == '"' && is_in(text_[at_], "$`\\")) return false;
      word_ += text_[at_];
    }
    return at_ < text_.size();
  }

  bool end_word() {
    if (!has_word_) return true;
    const bool is_first = words_.empty();
    const bool is_keyword = is_first && plain_size_ == kAllPlain &&
                            std::find(kKeywords.begin(), kKeywords.end(), word_) != kKeywords.end();
    if (is_keyword) return false;
    const bool sets_variable = is_first && is_assignment(word_) && word_.find('=') < plain_size_;
    if (!sets_variable) words_.push_back(word_);
    word_.clear();
    has_word_ = false;
    plain_size_ = kAllPlain;
    return true;
  }

  void end_command() {
    if (!words_.empty()) commands_.push_back(std::move(words_));
    words_.clear();
  }

  const std::string_view text_;
  size_t at_ = 0;
  std::string word_;
  bool has_word_ = false;
  size_t plain_size_ = kAllPlain;  // what stands in front of the word's first quote
  std::vector<std::string> words_;
  std::vector<std::vector<std::string>> commands_;
};

}  // namespace

bool is_shell(std::string_view program) {
  return std::find(kShells.begin(), kShells.end(), program) != kShells.end();
}

std::optional<std::vector<std::vector<std::string>>> split_shell(std::string_view text) {
  return Splitter(text).run();
}

std::vector<std::string> leading_words(std::string_view text) {
  std::vector<std::string> words;
  for (size_t from = text.find_first_not_of(" \t\n"); from < text.size();) {
    const size_t to = std::min(text.find_first_of(" \t\n", from), text.size());
    const std::string_view word = text.substr(from, to - from);
    if (word.find_first_of("\"'`$;&|<>(){}\\") != word.npos) break;
    words.emplace_back(word);
    from = text.find_first_not_of(" \t\n", to);
  }
  if (words.empty()) words.emplace_back(text);
  return words;
}

std::vector<std::string> loose_words(std::string_view text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (is_in(c, "'\"\\")) continue;  // quotes inside of a word do not change it
    if (is_in(c, " \t\r\n;|&<>(){}$`!=")) {
      if (!words.back().empty()) words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

}  // namespace corvid::policies
