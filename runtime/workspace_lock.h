#pragma once

#include <filesystem>
#include <memory>

#include "runtime/base/files.h"
#include "runtime/paths.h"

namespace corvid::runtime {

// One run, undo or rewind at a time in a workspace, held until destruction. Throws denied, naming
// the folder, while another process holds one for this workspace, one above or one beneath it;
// invalid as refuse_own_folders() does.
class WorkspaceLock {
 public:
  WorkspaceLock(const Paths& paths, const std::filesystem::path& workspace);

 private:
  std::unique_ptr<FileLock> lock_;
};

}  // namespace corvid::runtime
