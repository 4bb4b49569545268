#pragma once

#include <string>
#include <vector>

#include "sandbox/jail/plan.h"
#include "sandbox/profile.h"

namespace corvid::sandbox {

// The file tree of a profile as the jail builds it.
struct FileTree {
  std::vector<jail::MountOp> mounts;
  std::vector<std::string> placeholders;
};

// Reads the file system to resolve symbolic links and to learn what exists. Throws invalid for a
// relative path, not_found for a writable root or mount that does not exist, denied when a
// protected path runs through a symbolic link.
FileTree make_file_tree(const Profile& profile);

}  // namespace corvid::sandbox
