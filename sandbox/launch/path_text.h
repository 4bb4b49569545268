#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corvid::sandbox {

// Folders that a command sees at another path than the one that it is told: {told, seen} each.
using PathPairs = std::vector<std::pair<std::string, std::string>>;

// `text` with each told path by which a file in it may be named replaced by the seen one; the
// longest that fits counts. "/place" is not in "/places" or "/home/place".
std::string told_to_seen(std::string_view text, const PathPairs& pairs);

// The way back, for what the command prints and for the text of links: every occurrence.
std::string seen_to_told(std::string_view text, const PathPairs& pairs);

// seen_to_told for a text that comes in pieces, which may end within a path.
class SeenToTold {
 public:
  SeenToTold(PathPairs pairs, std::function<void(std::string_view)> next);
  void take(std::string_view piece);
  void finish();  // what was held back

 private:
  PathPairs pairs_;
  std::function<void(std::string_view)> next_;
  std::string held_;
};

}  // namespace corvid::sandbox
