#pragma once
// Commands of a person's that are told what a run does, and that may refuse a step.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "policies/policy.h"
#include "runtime/base/json_fwd.h"
#include "runtime/paths.h"
#include "runtime/run_result.h"
#include "runtime/session.h"
#include "sandbox/sandbox.h"
#include "tools/workspace.h"

namespace corvid::runtime {

enum class HookEvent { session_start, before_tool, after_tool, finish };

std::string_view hook_event_name(HookEvent event);

struct Hook {
  HookEvent event = HookEvent::before_tool;
  std::string command;             // for /bin/sh
  std::vector<std::string> tools;  // before_tool, after_tool: of these alone; empty: of all
  int64_t time_max_s = 60;
  std::filesystem::path scripts;  // $CORVID_HOOKS; the command may read it
};

// The [[hooks]] of a config.toml; none where there is no such file. Throws invalid with the line.
std::vector<Hook> parse_hooks(const std::filesystem::path& file,
                              const std::filesystem::path& scripts);

std::vector<Hook> own_hooks(const Paths& paths);  // a person's

// A person's own, then the project's, where that and its scripts are trusted (trust.h).
std::vector<Hook> read_hooks(const Paths& paths, const std::filesystem::path& workspace);

// Thread-safe. What is passed in must outlive it.
class HookRunner {
 public:
  HookRunner(std::vector<Hook> hooks, sandbox::Sandbox& sandbox, const policies::Policy& policy,
             const Paths& paths);

  // Runs the hooks for `event` in their order, each with `told` and the event's name as a JSON
  // object on stdin, until one ends with another exit code than 0, at its time limit or not at all:
  // what it printed, or what became of it. Confined as the model's commands are; the workspace can
  // be changed only where `may_write`. Throws cancelled.
  std::optional<std::string> tell(HookEvent event, const std::string& tool, Json told,
                                  const tools::Workspace& workspace, bool may_write,
                                  std::stop_token stop) const;
  // session_start and finish, which no hook can prevent: a failure is a warning.
  void begin(const Session& session, const std::string& task, const tools::Workspace& workspace,
             std::stop_token stop) const;
  void end(const Session& session, const RunResult& result,
           const tools::Workspace& workspace) const;

 private:
  void inform(HookEvent event, Json told, const tools::Workspace& workspace,
              std::stop_token stop) const;
  sandbox::Profile profile_of(const Hook& hook, const tools::Workspace& workspace,
                              bool may_write) const;

  std::vector<Hook> hooks_;
  sandbox::Sandbox& sandbox_;
  const policies::Policy& policy_;
  const Paths& paths_;
};

}  // namespace corvid::runtime
