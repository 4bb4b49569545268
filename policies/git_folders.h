#pragma once

#include <filesystem>
#include <vector>

namespace corvid::policies {

// Git's own folders of a worktree or submodule: those outside of `workspace` that its .git file
// names. Empty for ordinary repositories, and for a .git file that names something else than git's
// data. Reads the file system.
std::vector<std::filesystem::path> git_folders_outside(const std::filesystem::path& workspace);

}  // namespace corvid::policies
