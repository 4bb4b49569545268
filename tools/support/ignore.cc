#include "tools/support/ignore.h"

#include <optional>

#include "runtime/base/text.h"

namespace corvid::tools {
namespace {

constexpr int kStepsMax = 20000;
constexpr size_t kPatternBytesMax = 1024;
constexpr size_t kRulesMax = 20000;

struct Matcher {
  std::string_view pattern;
  std::string_view text;
  int steps = 0;

  // A class that starts at pattern[p] == '['. Gives whether `c` is in it and moves `p` behind it;
  // nothing when it is not closed.
  std::optional<bool> class_match(size_t& p, char c) const {
    size_t i = p + 1;
    bool is_negated = false;
    if (i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^')) {
      is_negated = true;
      ++i;
    }
    bool found = false;
    for (bool is_first = true; i < pattern.size(); is_first = false) {
      if (pattern[i] == ']' && !is_first) {
        p = i + 1;
        return found != is_negated && c != '/';
      }
      if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
      const auto low = static_cast<unsigned char>(pattern[i]);
      auto high = low;
      if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
        i += 2;
        if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
        high = static_cast<unsigned char>(pattern[i]);
      }
      const auto byte = static_cast<unsigned char>(c);
      found = found || (low <= byte && byte <= high);
      ++i;
    }
    return std::nullopt;
  }

  // "**" as a component of its own: "**/", "/**/" or "/**" at the end.
  bool double_star(size_t p, size_t t) {
    size_t next = p;
    while (next < pattern.size() && pattern[next] == '*') ++next;
    if (next == pattern.size()) return t < text.size();
    for (size_t start = t;;) {
      if (match(next + 1, start)) return true;
      start = text.find('/', start);
      if (start == std::string_view::npos || steps > kStepsMax) return false;
      ++start;
    }
  }

  bool star(size_t p, size_t t) {
    while (p < pattern.size() && pattern[p] == '*') ++p;
    for (;; ++t) {
      if (match(p, t)) return true;
      if (t >= text.size() || text[t] == '/' || steps > kStepsMax) return false;
    }
  }

  bool is_whole_component(size_t p) const {
    size_t end = p;
    while (end < pattern.size() && pattern[end] == '*') ++end;
    return end - p >= 2 && (p == 0 || pattern[p - 1] == '/') &&
           (end == pattern.size() || pattern[end] == '/');
  }

  bool match(size_t p, size_t t) {
    while (p < pattern.size()) {
      if (++steps > kStepsMax) return false;
      const char c = pattern[p];
      if (c == '*') return is_whole_component(p) ? double_star(p, t) : star(p, t);
      if (t >= text.size()) return false;
      if (c == '?') {
        if (text[t] == '/') return false;
        ++p;
      } else if (c == '[') {
        const std::optional<bool> matched = class_match(p, text[t]);
        if (!matched) {  // never closed: git lets such a pattern match nothing
          return false;
        }
        if (!*matched) return false;
      } else {
        if (c == '\\' && p + 1 < pattern.size()) ++p;
        if (pattern[p] != text[t]) return false;
        ++p;
      }
      ++t;
    }
    return t == text.size();
  }
};

// Without trailing blanks, unless the last one is quoted.
std::string_view strip_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  while (line.ends_with(' ') && !line.ends_with("\\ ")) line.remove_suffix(1);
  return line;
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view path) {
  if (pattern.size() > kPatternBytesMax) return false;
  Matcher matcher{pattern, path};
  return matcher.match(0, 0);
}

void IgnoreRules::add(std::string_view base, std::string_view file_text) {
  if (file_text.starts_with("\xef\xbb\xbf")) file_text.remove_prefix(3);
  for (std::string_view line : split_lines(file_text)) {
    line = strip_line(line);
    if (line.empty() || line.starts_with('#') || line.size() > kPatternBytesMax) continue;
    if (rules_.size() >= kRulesMax) return;
    Rule rule;
    if (!base.empty()) rule.base = std::string(base) + "/";
    if (line.starts_with('!')) {
      rule.is_negated = true;
      line.remove_prefix(1);
    }
    if (line.ends_with('/')) {
      rule.is_folder_only = true;
      line.remove_suffix(1);
    }
    rule.is_anchored = line.find('/') != std::string_view::npos;
    if (line.starts_with('/')) line.remove_prefix(1);
    if (line.empty()) continue;
    rule.pattern = std::string(line);
    rules_.push_back(std::move(rule));
  }
}

bool IgnoreRules::is_ignored(std::string_view path, bool is_folder) const {
  const size_t slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if (rule->is_folder_only && !is_folder) continue;
    if (!path.starts_with(rule->base)) continue;
    const std::string_view target = rule->is_anchored ? path.substr(rule->base.size()) : name;
    if (glob_match(rule->pattern, target)) return !rule->is_negated;
  }
  return false;
}

}  // namespace corvid::tools
