#pragma once
// A person's own rules, in TOML. The strictest of all that match wins, Corvid's own rules among
// them: a file narrows what is allowed, and only [[host]] with "allow" widens it.
//
//   [[command]]
//   prefix = ["git", ["push", "fetch"]]    # words; a list stands for alternatives
//   decision = "ask"                       # allow, ask or deny; ask is deny without a terminal
//   reason = "publishing is a person's decision"
//   match = ["git push origin main"]       # examples, checked when the file is read
//   not_match = ["git status"]
//
//   [[path]]
//   pattern = "secrets/**"                 # beneath the workspace; * within a folder, ** any depth
//   access = "any"                         # read, write or any
//   decision = "deny"
//
// Commands see what a [[path]] names when the run begins as empty, or read-only where only writing
// is denied; ask is deny for them. What matches later is theirs. Tools that look through files pass
// over what is hidden.
//
//   [[host]]
//   host = "*.example.org"                 # or "example.org", "example.org:8080", "10.1.2.3"
//   decision = "allow"
//   after_untrusted = "allow"              # "ask" (default): a person is asked again once the run
//                                          # has read text from the web
//
//   [budget]                               # calls of one run, attempts each for themselves; a
//   commands = 200                         # person is asked for those beyond
//   writes = 50
//   requests = 20

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/verdict.h"

namespace corvid::policies {

struct CommandRule {
  std::vector<std::vector<std::string>> prefix;  // each word: its alternatives
  Verdict verdict = Verdict::deny;
  std::string reason;
  std::string origin;  // "policy.toml line 3", or "built in"
};

struct PathRule {
  std::string pattern;
  bool covers_reads = true, covers_writes = true;
  Verdict verdict = Verdict::deny;
  std::string reason;
  std::string origin;
};

// How many calls of a class one run may make; nothing: any number.
struct Budget {
  std::optional<int64_t> commands, writes, requests;
  std::string origin;
};

struct PolicyFile {
  std::vector<CommandRule> commands;
  std::vector<PathRule> paths;
  std::vector<std::string> allow_hosts, deny_hosts;
  std::vector<std::string> hosts_after_untrusted;  // of allow_hosts
  Budget budget;
};

// Throws invalid, "FILE line N: ...", for what is not well-formed: an unknown key too, and an
// example that does not come out as it says.
PolicyFile parse_policy_file(std::string_view text, const std::string& name);
// An absent file is an empty one. Throws what read_file() does, and io where it cannot be told
// whether there is one.
PolicyFile read_policy_file(const std::filesystem::path& path);

// Whether the first words of `argv` are those of the rule; the program counts without its folder.
bool matches(const CommandRule& rule, const std::vector<std::string>& argv);
// Whether the rule's words stand anywhere in `words`, in a row.
bool stands_anywhere_in(const CommandRule& rule, const std::vector<std::string>& words);
bool matches(const PathRule& rule, std::string_view relative_path);

}  // namespace corvid::policies
