#include "runtime/workspace_history.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::runtime {
namespace {

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

std::optional<SessionStarted> session_start(std::span<const Event> events) {
  for (const Event& event : events) {
    if (const auto* start = std::get_if<SessionStarted>(&event.body)) return *start;
  }
  return std::nullopt;
}

std::string start_tree(std::span<const Event> events) {
  std::string tree;
  for (const Event& event : events) {
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

std::string tree_before_turn(std::span<const Event> events, int turn) {
  std::string before;
  for (const Event& event : events) {
    const auto* taken = std::get_if<SnapshotTaken>(&event.body);
    if (taken == nullptr || event.attempt >= 0 || taken->turn < 0 || taken->after) continue;
    if (taken->turn >= turn) return taken->tree;
    before = taken->tree;
  }
  return before;
}

Restored restore_workspace(const Paths& paths, Session& session, const std::string& tree,
                           const std::string& reason, bool force) {
  const std::vector<Event> events = session.events();
  const auto start = session_start(events);
  if (!start.has_value()) fail(Code::corrupt, "corrupt: session " + session.id() + " has no start");
  const std::string last = last_tree(events);
  if (tree.empty() || last.empty()) {
    fail(Code::not_found, "session " + session.id() + " has recorded no state of the workspace");
  }
  std::filesystem::create_directories(paths.data / "locks");
  const FileLock lock(workspace_lock_path(paths, start->workspace),
                      "a run is under way in " + start->workspace);
  SnapshotStore store(snapshot_folder(paths, start->workspace), start->workspace);
  const Snapshot found = store.take();
  const Snapshot recorded = store.load(last);
  const Snapshot target = store.load(tree);
  store.pin(found.tree, session.id() + "/found");
  session.append(SnapshotTaken{-1, found.tree, found.left_out, false});

  Restored result;
  result.found_tree = found.tree;
  Snapshot next = found;
  for (const std::string& path : changed_paths(recorded, target)) {
    const auto entry_in = [&](const Snapshot& side) {
      const auto it = side.files.find(path);
      return it == side.files.end() ? SnapshotEntry{} : it->second;
    };
    if (!force && entry_in(found) != entry_in(recorded) && entry_in(found) != entry_in(target)) {
      result.conflicts.push_back(path);
      continue;
    }
    if (target.files.contains(path)) {
      next.files[path] = target.files.at(path);
    } else {
      next.files.erase(path);
    }
  }
  result.files = store.restore(next);
  session.append(WorkspaceRestored{store.take().tree, reason, 0});
  return result;
}

}  // namespace corvid::runtime
