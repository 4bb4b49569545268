#include "tools/edits/message.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>

#include "runtime/base/text.h"
#include "tools/edits/lexer.h"
#include "tools/edits/place.h"

namespace corvid::tools::edits {

namespace {

constexpr size_t kOutputMax = 200'000;  // bytes that are looked at
constexpr size_t kWordMax = 60;

template <typename Each>
void for_each_word(std::string_view text, const Each& each) {
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    while (at < text.size() && is_word_byte(text[at])) ++at;
    const size_t least = is_digit(static_cast<unsigned char>(text[begin])) ? 2 : 3;
    if (at - begin >= least && at - begin <= kWordMax) each(text.substr(begin, at - begin));
    if (at == begin) ++at;
  }
}

// "ValueError: ...", "pkg.errors.Oops: ...": a dotted name whose last part begins with a capital.
bool is_exception_line(std::string_view line) {
  const std::string_view name = line.substr(0, line.find(':'));
  if (name.empty() || name.size() == line.size()) return false;
  const bool is_name =
      std::ranges::all_of(name, [](char c) { return is_word_byte(c) || c == '.'; });
  const std::string_view last = name.substr(name.rfind('.') + 1);
  return is_name && !last.empty() && std::isupper(static_cast<unsigned char>(last[0])) != 0;
}

}  // namespace

MessageWords::MessageWords(std::string_view output, std::span<const SourceFile> files) {
  for (const std::string_view line : split_lines(output.substr(0, kOutputMax))) {
    if (!line.starts_with("E ") && !is_exception_line(line)) continue;
    for_each_word(line, [&](std::string_view word) { rarity_.emplace(word, 0.0f); });
  }
  if (rarity_.empty()) return;
  size_t line_count = 0;
  for (const SourceFile& file : files) {
    if (is_test_file(file.path)) continue;
    for (const std::string_view line : split_lines(file.text)) {
      ++line_count;
      std::set<std::string_view> seen;
      for_each_word(line, [&](std::string_view word) {
        const auto found = rarity_.find(word);
        if (found != rarity_.end() && seen.insert(word).second) ++found->second;
      });
    }
  }
  std::erase_if(rarity_, [](const auto& entry) { return entry.second == 0; });
  const float whole = std::log(static_cast<float>(std::max<size_t>(2, line_count)));
  for (auto& [word, rarity] : rarity_) rarity = 1 - std::log(rarity) / whole;
}

float MessageWords::rarest_in(std::string_view line) const {
  float best = 0;
  if (rarity_.empty()) return best;
  for_each_word(line, [&](std::string_view word) {
    const auto found = rarity_.find(word);
    if (found != rarity_.end()) best = std::max(best, found->second);
  });
  return best;
}

}  // namespace corvid::tools::edits
