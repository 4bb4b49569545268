#include "runtime/workspace_lock.h"

#include "runtime/base/error.h"
#include "runtime/folder_lock.h"
#include "runtime/workspace_history.h"
#include "sandbox/profile.h"

namespace corvid::runtime {

namespace fs = std::filesystem;

// Beside each lock stands the path that its name is made from.
WorkspaceLock::WorkspaceLock(const Paths& paths, const fs::path& workspace) {
  refuse_own_folders(paths, workspace);
  const fs::path own = workspace_lock_path(paths, workspace);
  fs::create_directories(own.parent_path());
  const FolderLock guard(own.parent_path());
  const auto busy = [](const fs::path& place) {
    return "another run is under way in " + place.string() + ": wait for it, or stop it first";
  };
  lock_ = std::make_unique<FileLock>(own, busy(workspace));
  const fs::path own_name = fs::path(own).replace_extension(".path");
  if (!fs::exists(own_name)) write_file_atomic(own_name, workspace.string());
  for (const auto& entry : fs::directory_iterator(own.parent_path())) {
    if (entry.path().extension() != ".path" || entry.path() == own_name) continue;
    const fs::path other = read_file(entry.path());
    const bool is_apart =
        !sandbox::is_beneath(other, workspace) && !sandbox::is_beneath(workspace, other);
    if (is_apart || !is_locked(fs::path(entry.path()).replace_extension(".lock"))) continue;
    fail(Code::denied, busy(other) + " (" + workspace.string() + " is in the same place)");
  }
}

}  // namespace corvid::runtime
