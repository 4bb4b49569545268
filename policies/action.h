#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace corvid::policies {

// What a tool call would do, as plain data: a policy can be tested without tools, and the session
// records exactly what was allowed. Paths are absolute, normal, and free of symbolic links.
struct Action {
  std::string tool;
  std::vector<std::string> argv;  // empty: nothing is executed
  std::vector<std::filesystem::path> reads;
  std::vector<std::filesystem::path> writes;
  std::vector<std::string> hosts;

  bool operator==(const Action&) const = default;
};

}  // namespace corvid::policies
