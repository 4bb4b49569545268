#include "policies/web_text.h"

#include <algorithm>
#include <set>

#include "policies/what_runs.h"

namespace corvid::policies {
namespace {

bool is_fetcher(const std::string& word) {
  static const std::set<std::string> programs = {
      "aria2c", "curl", "elinks", "ftp",  "http",   "https", "links", "lynx",
      "nc",     "ncat", "netcat", "socat", "telnet", "w3m",   "wget",  "xh"};
  return programs.contains(std::filesystem::path(word).filename().string());
}

}  // namespace

bool prints_web_text(const Action& action, const sandbox::Profile& profile) {
  const bool has_network = profile.allow_network || !profile.allowed_hosts.empty();
  if (action.argv.empty() || !has_network) return false;
  const WhatRuns runs = what_runs(action.argv);
  return std::ranges::any_of(runs.commands, [](const auto& argv) { return is_fetcher(argv[0]); }) ||
         std::ranges::any_of(runs.loose, [](const auto& words) {
           return std::ranges::any_of(words, is_fetcher);
         });
}

}  // namespace corvid::policies
