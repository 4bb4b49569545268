#include "runtime/workspace_history.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/kept_files.h"
#include "runtime/left_behind.h"
#include "runtime/workspace_lock.h"

namespace corvid::runtime {
namespace {

using Entry = std::optional<SnapshotEntry>;

bool is_folder(const Entry& entry) { return entry.has_value() && runtime::is_folder(*entry); }

// Whether one of the sorted paths is `path` or lies beneath it.
bool names(const std::set<std::string>& paths, const std::string& path) {
  if (paths.contains(path)) return true;
  const auto next = paths.lower_bound(path + "/");
  return next != paths.end() && next->starts_with(path + "/");
}

void collect_strings(const Json& json, std::set<std::string>& strings) {
  if (json.is_string()) strings.insert(json.get<std::string>());
  if (!json.is_structured()) return;
  for (const Json& item : json) collect_strings(item, strings);
}

// What one step changed in one file or folder.
struct StepChange {
  ChangedPath change;
  int64_t begin = 0;  // event
  int turn = 0;
};

// Reads the log once, in order.
class StepReader {
 public:
  explicit StepReader(const SnapshotStore& store) : store_(store) {}

  void read(const Event& event) {
    if (event.attempt >= 0) return;
    if (const auto* start = std::get_if<SessionStarted>(&event.body)) {
      workspace_ = start->workspace;
      run_event_ = event.sequence;
    } else if (const auto* taken = std::get_if<SnapshotTaken>(&event.body)) {
      if (taken->turn >= 0) {
        read(*taken, event.sequence);
      } else {
        found_tree_ = taken->tree;
      }
    } else if (const auto* action = std::get_if<ActionDecided>(&event.body)) {
      action_ = action->action;
    } else if (const auto* resumed = std::get_if<Resumed>(&event.body)) {
      cut_off_from_ = changes_.size();
      if (is_cut_off()) add(store_.load(resumed->found_tree), false);
      begin_.reset();
    } else if (const auto* restored = std::get_if<WorkspaceRestored>(&event.body)) {
      read(*restored);
    }
  }

  void end(const Snapshot& present) {
    if (is_cut_off()) add(present, false);
  }

  const std::vector<StepChange>& changes() const { return changes_; }

 private:
  struct Begin {
    std::string tree;
    int64_t event = 0;
    int turn = 0;
    bool has_end = false;
  };

  bool is_cut_off() const { return begin_.has_value() && !begin_->has_end && begin_->turn > 0; }

  void read(const SnapshotTaken& taken, int64_t sequence) {
    if (!taken.after) {
      begin_ = Begin{taken.tree, sequence, taken.turn, false};
    } else if (begin_.has_value() && begin_->turn == taken.turn) {
      if (begin_->tree != taken.tree) add(store_.load(taken.tree), true);
      begin_->tree = taken.tree;  // a turn's further calls go on from here
      begin_->has_end = true;
    }
  }

  void read(const WorkspaceRestored& restored) {
    // What a step that was cut off had changed by then, for a further undo.
    if (is_cut_off() && !found_tree_.empty()) add(store_.load(found_tree_), false);
    begin_.reset();
    if (restored.reason == "restore") {
      changes_.resize(std::min(changes_.size(), cut_off_from_));
      return;
    }
    const bool is_undo = restored.reason == "undo";
    if (!is_undo && restored.reason != "rewind") return;
    const Snapshot state = store_.load(restored.tree);
    const auto is_covered = [&](const StepChange& step) {
      return is_undo ? step.begin >= run_event_ : step.turn >= restored.turn;
    };
    std::map<std::string, Entry> targets;
    for (const StepChange& step : changes_) {
      if (is_covered(step)) targets.emplace(step.change.path, step.change.before);
    }
    std::erase_if(changes_, [&](const StepChange& step) {
      const auto target = targets.find(step.change.path);
      return target != targets.end() && is_covered(step) && !step.change.is_unknown &&
             entry_in(state, step.change.path) == target->second;
    });
  }

  void add(const Snapshot& after, bool is_certain) {
    const Snapshot before = store_.load(begin_->tree);
    std::set<std::string> named;
    const Json action = try_parse_json(is_certain ? "" : action_);
    if (!action.is_discarded()) collect_strings(action, named);
    const std::vector<std::string> folders = changed_folders(before, after);
    std::set<std::string> changed(folders.begin(), folders.end());
    for (std::string& path : changed_paths(before, after)) changed.insert(std::move(path));
    for (const std::string& path : changed) {
      const bool is_named = names(named, path) || names(named, workspace_ + "/" + path);
      changes_.push_back(
          {{path, entry_in(before, path), entry_in(after, path), false, is_certain || is_named},
           begin_->event,
           begin_->turn});
    }
    for (const std::string& path : changed_left_out(before, after)) {
      changes_.push_back({{path, {}, {}, true, is_certain}, begin_->event, begin_->turn});
    }
  }

  const SnapshotStore& store_;
  std::string workspace_, action_;
  std::string found_tree_;  // of what stood there before something was put back
  std::optional<Begin> begin_;
  int64_t run_event_ = 0;
  size_t cut_off_from_ = 0;
  std::vector<StepChange> changes_;
};

// Files, and folders that no file tells of. A folder that the session made and that others use now
// stays, and nobody need hear of it.
void report(const std::string& path, const Entry& wanted, const Entry& left,
            const WantedFiles& all, Restored& result) {
  const auto next = all.lower_bound(path + "/");
  const bool has_more = next != all.end() && next->first.starts_with(path + "/");
  if (left == wanted) {
    if (!is_folder(wanted) && (wanted.has_value() || !has_more)) result.files.push_back(path);
    if (is_folder(wanted) && !has_more) result.files.push_back(path + "/");
  } else if (wanted.has_value() && left.has_value() && left->blob == wanted->blob &&
             left->mode == wanted->mode) {
    result.modes.push_back(fmt::format("{} ({:o})", path, wanted->permissions));
  } else if (wanted.has_value() || !is_folder(left)) {
    result.conflicts.push_back(path);
  }
}

Restored put_back(const Paths& paths, Session& session, ChangesOptions options,
                  const WorkspaceRestored& step, bool force) {
  const std::vector<Event> events = session.events();
  const auto start = session_start(events);
  if (!start.has_value()) fail(Code::corrupt, "corrupt: session " + session.id() + " has no start");
  const WorkspaceLock lock(paths, start->workspace);
  const tools::Workspace workspace(start->workspace);
  LeftBehind(workspace, run_record_path(paths, start->workspace));  // of a run that was killed
  SnapshotStore store(snapshot_folder(paths, start->workspace), start->workspace);
  const Snapshot found = store.take();
  store.pin(found.tree, session.id() + "/found-" + found.tree.substr(0, 12));
  session.append(SnapshotTaken{-1, found.tree, found.left_out_texts, false});
  options.present = &found;
  options.with_folders = true;

  Restored result;
  result.found_tree = found.tree;
  WantedFiles wanted;
  const std::vector<std::string> kept = kept_files(workspace);
  for (const ChangedPath& change : session_changes(events, store, options)) {
    if (change.is_unknown && !std::binary_search(kept.begin(), kept.end(), change.path) &&
        std::filesystem::exists(std::filesystem::path(start->workspace) / change.path)) {
      continue;  // of a build, say: git ignores it
    }
    const Entry now = entry_in(found, change.path);
    if (change.is_unknown) {
      result.lost.push_back(change.path);
    } else if (is_left_out(found, change.path)) {
      result.conflicts.push_back(change.path);
    } else if (now == change.before) {
      continue;
    } else if (force || (change.is_certain && now == change.after)) {
      wanted[change.path] = change.before;
    } else if (change.before.has_value() || !is_folder(change.after)) {
      result.conflicts.push_back(change.path);
    }
  }
  store.put_back(wanted);
  const Snapshot left = store.take();
  for (const auto& [path, entry] : wanted) {
    report(path, entry, entry_in(left, path), wanted, result);
  }
  std::sort(result.conflicts.begin(), result.conflicts.end());
  store.pin(left.tree, session.id() + "/" + left.tree.substr(0, 12));
  session.append(WorkspaceRestored{left.tree, step.reason, step.turn});
  return result;
}

std::string workspace_key(const std::filesystem::path& workspace) {
  return sha256_hex(workspace.string()).substr(0, 16);
}

}  // namespace

std::filesystem::path snapshot_folder(const Paths& paths, const std::filesystem::path& workspace) {
  return paths.snapshots() / (workspace_key(workspace) + ".git");
}

std::filesystem::path workspace_lock_path(const Paths& paths,
                                          const std::filesystem::path& workspace) {
  return paths.data / "locks" / (workspace_key(workspace) + ".lock");
}

std::filesystem::path run_record_path(const Paths& paths, const std::filesystem::path& workspace) {
  return paths.data / "locks" / (workspace_key(workspace) + ".run");
}

std::optional<SessionStarted> session_start(std::span<const Event> events) {
  for (const Event& event : events) {
    if (const auto* start = std::get_if<SessionStarted>(&event.body)) return *start;
  }
  return std::nullopt;
}

std::string start_tree(std::span<const Event> events) {
  std::string tree;
  for (const Event& event : events) {
    if (std::holds_alternative<SessionStarted>(event.body)) tree.clear();
    const auto* taken = std::get_if<SnapshotTaken>(&event.body);
    if (taken != nullptr && taken->turn == 0) tree = taken->tree;
  }
  return tree;
}

std::string last_tree(std::span<const Event> events) {
  std::string tree;
  for (const Event& event : events) {
    if (const auto* taken = std::get_if<SnapshotTaken>(&event.body)) {
      if (event.attempt < 0 && taken->turn >= 0) tree = taken->tree;
    } else if (const auto* restored = std::get_if<WorkspaceRestored>(&event.body)) {
      tree = restored->tree;
    }
  }
  return tree;
}

std::vector<ChangedPath> session_changes(std::span<const Event> events, const SnapshotStore& store,
                                         const ChangesOptions& options) {
  StepReader reader(store);
  for (const Event& event : events) reader.read(event);
  if (options.present != nullptr) reader.end(*options.present);
  std::map<std::string, ChangedPath> by_path;
  for (const StepChange& step : reader.changes()) {
    if (step.begin < options.since_event || step.turn < options.since_turn) continue;
    const auto [it, is_new] = by_path.emplace(step.change.path, step.change);
    if (is_new) continue;
    it->second.after = step.change.after;
    it->second.is_unknown = it->second.is_unknown || step.change.is_unknown;
    it->second.is_certain = it->second.is_certain && step.change.is_certain;
  }
  std::vector<ChangedPath> changes;
  for (auto& [path, change] : by_path) {
    for (Entry* entry : {&change.before, &change.after}) {
      if (!options.with_folders && is_folder(*entry)) entry->reset();
    }
    if (change.is_unknown || change.before != change.after) changes.push_back(std::move(change));
  }
  return changes;
}

int64_t last_run_event(std::span<const Event> events) {
  int64_t sequence = 0;
  for (const Event& event : events) {
    if (std::holds_alternative<SessionStarted>(event.body)) sequence = event.sequence;
  }
  return sequence;
}

std::string changes_diff(const SnapshotStore& store, std::span<const ChangedPath> changes) {
  Snapshot before, after;
  std::string unknown;
  for (const ChangedPath& change : changes) {
    if (change.is_unknown) {
      unknown += "file " + change.path + " changed (too large to be kept: it has no diff)\n";
      continue;
    }
    if (change.before.has_value()) before.files.emplace(change.path, *change.before);
    if (change.after.has_value()) after.files.emplace(change.path, *change.after);
  }
  return snapshot_diff(store, before, after) + unknown;
}

Restored undo_last_run(const Paths& paths, Session& session, bool force) {
  ChangesOptions options;
  options.since_event = last_run_event(session.events());
  return put_back(paths, session, options, {{}, "undo", 0}, force);
}

Restored rewind_to_turn(const Paths& paths, Session& session, int turn, bool force) {
  int turn_count = 0;
  for (const Event& event : session.events()) {
    const auto* ended = std::get_if<TurnEnded>(&event.body);
    if (ended != nullptr) turn_count = std::max(turn_count, ended->turn);
  }
  if (turn > turn_count) {
    fail(Code::not_found, "session " + session.id() + " has " + std::to_string(turn_count) +
                              " turns, and no turn " + std::to_string(turn));
  }
  ChangesOptions options;
  options.since_turn = turn;
  return put_back(paths, session, options, {{}, "rewind", turn}, force);
}

std::string newest_session_in(const Paths& paths, const std::filesystem::path& folder) {
  std::error_code error;
  const std::filesystem::path workspace = std::filesystem::canonical(folder, error);
  if (error) fail(Code::invalid, "no such folder: " + folder.string());
  for (const SessionSummary& session : list_sessions(paths.sessions())) {
    if (session.workspace == workspace) return session.id;
  }
  fail(Code::not_found, "no session in " + workspace.string() +
                            ": give the id of one (corvid sessions list), or its folder with "
                            "--workspace");
}

}  // namespace corvid::runtime
