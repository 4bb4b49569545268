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
// What LeftBehind keeps of a run under way.
std::filesystem::path run_record_path(const Paths& paths, const std::filesystem::path& workspace);

std::optional<SessionStarted> session_start(std::span<const Event> events);
std::string start_tree(std::span<const Event> events);  // before the last run; empty: none
std::string last_tree(std::span<const Event> events);   // newest recorded state; empty: none

// A file, or a folder, that differs before and after the changing steps of a session. What others
// changed between those steps is no change of the session's.
struct ChangedPath {
  std::string path;
  std::optional<SnapshotEntry> before;  // before the first step that changed it; nothing: no file
  std::optional<SnapshotEntry> after;   // after the last one
  bool is_unknown = false;  // too large for snapshots: it changed, and nobody can put it back
  bool is_certain = true;  // false: `after` was found after a step that was cut off, which may not
                           // have made it
};

struct ChangesOptions {
  int64_t since_event = 0;            // steps that began at this event of the log or later
  int since_turn = 0;                 // and in this turn or later
  const Snapshot* present = nullptr;  // ends a step that was cut off; null: such a step is left out
  bool with_folders = false;
};

// The step that began with a SnapshotTaken before a turn ends with those after it, of the same
// turn. Files that an undo or a rewind put back are done for. Sorted by path.
std::vector<ChangedPath> session_changes(std::span<const Event> events, const SnapshotStore& store,
                                         const ChangesOptions& options = {});

// The event with which the last run of the session began: see ChangesOptions.
int64_t last_run_event(std::span<const Event> events);

// Unified diff, for people and the log; binary files by name only.
std::string changes_diff(const SnapshotStore& store, std::span<const ChangedPath> changes);

struct Restored {
  std::vector<std::string> files;      // put back
  std::vector<std::string> conflicts;  // changed since by others: left alone
  std::vector<std::string> lost;       // too large for snapshots: nothing is kept to put back
  std::vector<std::string> modes;      // "a (4755)": put back, but for these permissions
  std::string found_tree;              // what stood there before, saved
};

// Puts back the files and folders that the session changed in its last run (undo), or in `turn` and
// later (rewind). A file that is neither as the session left it nor as it was before is left alone
// and named, unless `force`; no other file is touched. What was found is saved first, and the step
// is recorded in the session.
Restored undo_last_run(const Paths& paths, Session& session, bool force);
Restored rewind_to_turn(const Paths& paths, Session& session, int turn, bool force);

// The newest session in the workspace `folder`. Throws not_found, naming how to give another.
std::string newest_session_in(const Paths& paths, const std::filesystem::path& folder);

}  // namespace corvid::runtime
