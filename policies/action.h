#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace corvid::policies {

// What an agent did before an action, as far as policies look at it.
struct Before {
  // It read text that neither a person nor the workspace wrote: from the web, or remembered from
  // there.
  bool has_untrusted = false;
  // Calls of this run that were allowed, and ran a command, changed files, or reached a host.
  int64_t commands = 0, writes = 0, requests = 0;

  bool operator==(const Before&) const = default;
};

// What a tool call would do, as plain data: a policy can be tested without tools, and the session
// records exactly what was allowed. Paths are absolute, normal, and free of symbolic links.
struct Action {
  std::string tool;
  std::vector<std::string> argv;  // empty: nothing is executed
  std::vector<std::filesystem::path> reads;
  std::vector<std::filesystem::path> writes;
  std::vector<std::string> hosts;
  Before before = {};

  bool operator==(const Action&) const = default;
};

// Adds an allowed action to what was done.
inline void count(const Action& action, Before& done) {
  done.commands += action.argv.empty() ? 0 : 1;
  done.writes += action.writes.empty() ? 0 : 1;
  done.requests += action.hosts.empty() ? 0 : 1;
}

}  // namespace corvid::policies
