#include "tools/edits/nearness.h"

#include <algorithm>
#include <cmath>

#include "runtime/base/text.h"

namespace corvid::tools::edits {

namespace {

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_letter(char c) { return is_upper(c) || is_lower(c); }

// Calls add(hash) for every word of two letters or more, whatever its case.
template <typename Add>
void each_word(std::string_view text, const Add& add) {
  for (size_t at = 0; at < text.size();) {
    if (!is_letter(text[at])) {
      ++at;
      continue;
    }
    const size_t begin = at;
    while (at < text.size() && is_upper(text[at])) ++at;
    // The last capital before a small letter begins the next word: "HTTPHeader".
    if (at - begin > 1 && at < text.size() && is_lower(text[at])) --at;
    while (at < text.size() && is_lower(text[at]) && (at == begin || !is_upper(text[at]))) ++at;
    if (at == begin) ++at;
    if (at - begin >= 2) add(fnv1a(lower_case(text.substr(begin, at - begin))));
  }
}

}  // namespace

Nearness::Nearness(const FileModel& model, const Unit& unit) : model_(model), unit_(unit) {
  const size_t dot = unit.name.rfind('.');
  each_word(std::string_view(unit.name).substr(dot == std::string::npos ? 0 : dot + 1),
            [&](uint64_t word) { title_.insert(word); });
  read_comments();
}

void Nearness::read_comments() {
  const Source& source = model_.source;
  const auto add = [&](uint64_t word) { told_.insert(word); };
  std::vector<size_t> ends(static_cast<size_t>(unit_.last_line - unit_.first_line + 1), 0);
  for (int i = unit_.first_token; i < unit_.last_token; ++i) {
    const Token& token = source.token(i);
    if (token.kind >= TokenKind::newline || token.line > unit_.last_line) continue;
    const int last_line =
        token.line + static_cast<int>(std::count(source.str(i).begin(), source.str(i).end(), '\n'));
    if (last_line > unit_.last_line) continue;
    ends[static_cast<size_t>(last_line - unit_.first_line)] =
        token.end - source.line_begin(last_line);
    const bool is_told = token.kind == TokenKind::string && last_line > token.line;
    if (is_told) each_word(source.str(i), add);
  }
  for (int line = unit_.first_line; line <= unit_.last_line; ++line) {
    const std::string_view text = source.line(line);
    const size_t end = ends[static_cast<size_t>(line - unit_.first_line)];
    const size_t at = end < text.size() ? text.find(source.language().comment, end)
                                        : std::string_view::npos;
    if (at != std::string_view::npos) each_word(text.substr(at), add);
  }
}

const Nearness::Words& Nearness::words(int id) {
  const auto [entry, is_new] = words_.try_emplace(id);
  if (is_new) {
    each_word(model_.vocabulary.text(id), [&](uint64_t word) { entry->second.push_back(word); });
  }
  return entry->second;
}

float Nearness::share(const Words& words, const std::unordered_set<uint64_t>& of) const {
  if (words.empty()) return 0;
  const auto found = std::count_if(words.begin(), words.end(),
                                   [&](uint64_t word) { return of.contains(word); });
  return static_cast<float>(found) / static_cast<float>(words.size());
}

float Nearness::affinity(int id, int first, int last) {
  const Source& source = model_.source;
  const int line = source.token(first).line;
  const auto is_name = [&](int i) {
    return model_.vocabulary.is_name(model_.ids[static_cast<size_t>(i)]);
  };
  if (line != line_number_) {
    line_number_ = line;
    line_.clear();
    int i = first;
    while (i > unit_.first_token && source.token(i - 1).line == line) --i;
    for (; i < unit_.last_token && source.token(i).line == line; ++i) {
      if (!is_name(i)) continue;
      for (const uint64_t word : words(model_.ids[static_cast<size_t>(i)])) ++line_[word];
    }
  }
  const Words& own = words(id);
  if (own.empty()) return 0;
  int found = 0;
  for (const uint64_t word : own) {
    const auto there = line_.find(word);
    if (there == line_.end()) continue;
    int count = there->second;
    for (int i = first; i < last && count > 0; ++i) {
      if (!is_name(i)) continue;
      const Words& left_out = words(model_.ids[static_cast<size_t>(i)]);
      count -= static_cast<int>(std::count(left_out.begin(), left_out.end(), word));
    }
    found += count > 0;
  }
  return static_cast<float>(found) / static_cast<float>(own.size());
}

float Nearness::told(int id) { return share(words(id), told_); }
float Nearness::title(int id) { return share(words(id), title_); }

float Nearness::since(int id, int at) const {
  const int last = std::min(at, static_cast<int>(model_.ids.size()));
  const int first = std::max(0, last - kFar);
  int i = last - 1;
  while (i >= first && model_.ids[static_cast<size_t>(i)] != id) --i;
  return std::log(1.0f + static_cast<float>(last - 1 - i));
}

}  // namespace corvid::tools::edits
