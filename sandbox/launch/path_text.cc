#include "sandbox/launch/path_text.h"

#include <algorithm>

namespace corvid::sandbox {
namespace {

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-' || static_cast<unsigned char>(c) >= 0x80;
}

// Whether `path` stands at `at` as a whole path or the beginning of one.
bool stands_at(std::string_view text, size_t at, std::string_view path) {
  if (text.substr(at, path.size()) != path) return false;
  if (at > 0 && (is_name_char(text[at - 1]) || text[at - 1] == '/')) return false;
  const size_t after = at + path.size();
  return after == text.size() || !is_name_char(text[after]);
}

}  // namespace

std::string told_to_seen(std::string_view text, const PathPairs& pairs) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const std::pair<std::string, std::string>* best = nullptr;
    if (text[at] == '/') {
      for (const auto& pair : pairs) {
        const bool is_longer = best == nullptr || pair.first.size() > best->first.size();
        if (is_longer && stands_at(text, at, pair.first)) best = &pair;
      }
    }
    if (best == nullptr) {
      result += text[at++];
      continue;
    }
    result += best->second;
    at += best->first.size();
  }
  return result;
}

std::string seen_to_told(std::string_view text, const PathPairs& pairs) {
  std::string result(text);
  for (const auto& [told, seen] : pairs) {
    for (size_t at = 0; (at = result.find(seen, at)) != std::string::npos; at += told.size()) {
      result.replace(at, seen.size(), told);
    }
  }
  return result;
}

SeenToTold::SeenToTold(PathPairs pairs, std::function<void(std::string_view)> next)
    : pairs_(std::move(pairs)), next_(std::move(next)) {}

void SeenToTold::take(std::string_view piece) {
  held_ = seen_to_told(held_.append(piece), pairs_);
  // A path may have begun at the end; what comes next tells.
  size_t kept = 0;
  for (const auto& [told, seen] : pairs_) {
    for (size_t length = std::min(seen.size() - 1, held_.size()); length > kept; --length) {
      if (!held_.ends_with(std::string_view(seen).substr(0, length))) continue;
      kept = length;
      break;
    }
  }
  const size_t ready = held_.size() - kept;
  if (ready > 0) next_(std::string_view(held_).substr(0, ready));
  held_.erase(0, ready);
}

void SeenToTold::finish() {
  if (!held_.empty()) next_(held_);
  held_.clear();
}

}  // namespace corvid::sandbox
