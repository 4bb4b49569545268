#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policies/action.h"
#include "policies/policy_file.h"
#include "policies/verdict.h"
#include "sandbox/profile.h"

namespace corvid::policies {

struct Decision {
  Verdict verdict = Verdict::deny;
  // Shown to the model, written to the session; empty when allowed without a restriction of its
  // own.
  std::string reason;
  sandbox::Profile profile;  // meaningful unless verdict == deny
};

class Policy {
 public:
  virtual ~Policy() = default;
  virtual Decision decide(const Action& action) const = 0;  // pure
};

enum class Mode {
  read_only,  // commands run, nothing in the workspace changes
  workspace,  // the workspace is writable, the rest read-only or invisible, no network
  // Still in the sandbox: the workspace writable, all other files readable (credentials and
  // services' sockets stay hidden), the host's network.
  full
};

// "read-only", "workspace", "full"; throws invalid for anything else.
Mode parse_mode(std::string_view text);
std::string_view mode_name(Mode mode);

// Folders directly beneath a workspace that no action changes: its git data and the settings of
// agents. Commands see them read-only.
std::vector<std::filesystem::path> protected_names();

// All that the rules are made from. Roots are absolute and free of symbolic links.
struct PolicyConfig {
  Mode mode = Mode::workspace;
  std::filesystem::path workspace;
  std::vector<std::filesystem::path> allow_read;  // folders outside of the workspace
  std::vector<std::string> allow_hosts;           // as sandbox/hosts.h writes them
  sandbox::Profile base;                          // what every command gets: system_profile()
  PolicyFile file;                                // the user's own rules
  bool can_ask = false;  // a person is there to be asked
};

// The policy of `corvid run`: every rule of the table in a chain, over `config`; what git keeps
// outside of a worktree is readable for commands. Throws invalid when a root is not absolute and
// normal.
std::unique_ptr<Policy> make_policy_chain(PolicyConfig config);

}  // namespace corvid::policies
