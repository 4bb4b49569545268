#pragma once
// What a session's log says about the workspace: its states, and the way back to them.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/event.h"
#include "runtime/paths.h"
#include "runtime/session.h"
#include "runtime/snapshot.h"

namespace corvid::runtime {

// Where the shadow repository and the lock of a workspace are.
std::filesystem::path snapshot_folder(const Paths& paths, const std::filesystem::path& workspace);
std::filesystem::path workspace_lock_path(const Paths& paths,
                                          const std::filesystem::path& workspace);

std::optional<SessionStarted> session_start(std::span<const Event> events);
std::string start_tree(std::span<const Event> events);  // before the last run; empty: none
std::string last_tree(std::span<const Event> events);   // newest recorded state; empty: none
// The state before the first change of `turn` or, when it changed nothing, of the next one that
// did.
std::string tree_before_turn(std::span<const Event> events, int turn);

struct Restored {
  std::vector<std::string> files;      // put back
  std::vector<std::string> conflicts;  // changed since by others: left alone
  std::string found_tree;              // what stood there before, saved
};

// Puts the files that the session changed between `tree` and its newest recorded state back to
// `tree`. A file that others changed since is left alone and named, unless `force`. What was found
// is saved first and the step is recorded in the session.
Restored restore_workspace(const Paths& paths, Session& session, const std::string& tree,
                           const std::string& reason, bool force);

}  // namespace corvid::runtime
