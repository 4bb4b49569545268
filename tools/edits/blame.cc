#include "tools/edits/blame.h"

#include <algorithm>
#include <array>
#include <vector>

#include "runtime/base/text.h"

namespace corvid::tools::edits {

namespace {

constexpr size_t kOutputMax = 200'000;  // bytes that are looked at
constexpr size_t kNamesMax = 8;         // more of them: one cause is behind them all
constexpr float kTakenAway = 2.0f, kProposed = 2.0f, kDefined = 1.0f;

// What stands in lines whose last quoted name is the wrong one.
constexpr std::array<std::string_view, 10> kPhrases = {
    "is not defined",       "has no attribute",         "has no member",
    "undeclared",           "was not declared",         "referenced before assignment",
    "cannot access local",  "unexpected keyword",       "KeyError: ",
    "is not a member of"};

// The names between quotes, straight or curly, in order.
std::vector<std::string_view> quoted_names(std::string_view text) {
  std::vector<std::string_view> out;
  for (size_t at = 0; at < text.size(); ++at) {
    const bool is_curly = text.substr(at).starts_with("\xe2\x80\x98");
    if (text[at] != '\'' && !is_curly) continue;
    const size_t begin = at + (is_curly ? 3 : 1);
    size_t end = begin;
    while (end < text.size() && is_word_byte(text[end])) ++end;
    const std::string_view close = is_curly ? "\xe2\x80\x99" : "'";
    if (end == begin || !text.substr(end).starts_with(close)) continue;
    out.push_back(text.substr(begin, end - begin));
    at = end + (is_curly ? 2 : 0);
  }
  return out;
}

bool has_word(std::string_view text, std::string_view word) {
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const bool begins = at == 0 || !is_word_byte(text[at - 1]);
    const size_t end = at + word.size();
    if (begins && (end == text.size() || !is_word_byte(text[end]))) return true;
  }
  return false;
}

}  // namespace

Blame::Blame(std::string_view output) {
  for (const std::string_view line : split_lines(output.substr(0, kOutputMax))) read_line(line);
  if (wrong_.size() > kNamesMax) wrong_.clear();
}

void Blame::read_line(std::string_view line) {
  const bool is_told = std::any_of(kPhrases.begin(), kPhrases.end(), [&](std::string_view phrase) {
    return line.find(phrase) != std::string_view::npos;
  });
  if (!is_told) return;
  const size_t proposal = std::min(line.find("Did you mean"), line.find("did you mean"));
  std::vector<std::string_view> names = quoted_names(line.substr(0, proposal));
  if (line.find("is not a member of") != std::string_view::npos && !names.empty()) names.resize(1);
  if (names.empty()) return;
  wrong_.emplace(names.back());
  if (proposal == std::string_view::npos) return;
  names = quoted_names(line.substr(proposal));
  if (!names.empty()) proposed_.emplace(names.front());
}

float Blame::weigh(const Source& source, const Candidate& candidate) const {
  if (wrong_.empty()) return 0;
  const std::string_view old =
      candidate.operation == Operation::insert ? std::string_view{} : source.line(candidate.line);
  float weight = 0;
  for (const std::string& name : wrong_) {
    const bool had = has_word(old, name), has = has_word(candidate.text, name);
    if (had && !has) weight = std::max(weight, kTakenAway);
    if (candidate.operation == Operation::insert && has) weight = std::max(weight, kDefined);
  }
  for (const std::string& name : proposed_) {
    if (weight == kTakenAway && has_word(candidate.text, name) && !has_word(old, name)) {
      return weight + kProposed;
    }
  }
  return weight;
}

}  // namespace corvid::tools::edits
