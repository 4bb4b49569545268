#pragma once
// What differs between a workspace and a copy of it, and how it gets from one to the other: files
// of any size and symbolic links, with modes; nothing is read or written through a symbolic link.

#include <string>
#include <vector>

#include "runtime/kept_files.h"
#include "tools/workspace.h"

namespace corvid::runtime {

// Kept files that differ in type, executability or content, sorted. Files above 16 MiB with the
// same size and modification time count as the same.
std::vector<std::string> changed_files_between(const KeptRule& rule, const tools::Workspace& before,
                                               const tools::Workspace& after);

// Their unified diffs; binary and large files, symbolic links and modes by name.
std::string changes_diff(const tools::Workspace& before, const tools::Workspace& after,
                         const std::vector<std::string>& paths);

// Those of `paths` that are not in `now` as they were in `fork`, and folders on the way to one that
// are something else by now.
std::vector<std::string> conflicts(const tools::Workspace& fork, const tools::Workspace& now,
                                   const std::vector<std::string>& paths);

// Makes `paths` of `to` as they are in `from_copy`, each atomically, with content and mode; removes
// those that are gone, and the folders that this empties. Throws denied where a path leads through
// a symbolic link or into .git, io.
void apply_changes(const tools::Workspace& from_copy, const tools::Workspace& to,
                   const std::vector<std::string>& paths);

}  // namespace corvid::runtime
