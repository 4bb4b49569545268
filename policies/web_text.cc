#include "policies/web_text.h"

#include <algorithm>
#include <set>

#include "policies/shell_words.h"

namespace corvid::policies {
namespace {

std::string program_of(const std::string& word) {
  return std::filesystem::path(word).filename().string();
}

// Programs that run another one.
bool is_wrapper(const std::string& word) {
  static const std::set<std::string> programs = {"command", "env",  "exec",    "nice",
                                                 "nohup",   "time", "timeout", "xargs"};
  return programs.contains(program_of(word));
}

bool is_fetcher(const std::string& word) {
  static const std::set<std::string> programs = {
      "aria2c", "curl", "elinks", "ftp",  "http",   "https", "links", "lynx",
      "nc",     "ncat", "netcat", "socat", "telnet", "w3m",   "wget",  "xh"};
  return programs.contains(program_of(word));
}

}  // namespace

bool prints_web_text(const Action& action, const sandbox::Profile& profile) {
  const bool has_network = profile.allow_network || !profile.allowed_hosts.empty();
  if (action.argv.empty() || !has_network) return false;
  std::vector<std::vector<std::string>> commands = {action.argv};
  if (action.argv.size() == 3 && action.argv[1] == "-c") {
    const std::string& text = action.argv[2];
    auto parts = split_shell(text);
    if (!parts) {
      const std::vector<std::string> words = loose_words(text);
      return std::any_of(words.begin(), words.end(), is_fetcher);
    }
    commands = std::move(*parts);
  }
  for (const std::vector<std::string>& words : commands) {
    const size_t count = is_wrapper(words.front()) ? words.size() : 1;
    if (std::any_of(words.begin(), words.begin() + std::ptrdiff_t(count), is_fetcher)) return true;
  }
  return false;
}

}  // namespace corvid::policies
