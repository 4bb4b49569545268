#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tools/workspace.h"

namespace corvid::runtime {

// Every file and symbolic link, and every folder, beneath a folder, as relative paths; without .git
// and without what cannot be listed.
struct Tree {
  std::vector<std::string> files;
  std::vector<std::string> folders;
};
Tree list_tree(const std::filesystem::path& root);

// Which files belong to the project: those that git tracks (also in submodules, also ignored ones),
// and the files and symbolic links that it does not ignore. What is tracked is read once from the
// original; the rule then holds for copies, which have no index. Thread-safe.
class KeptRule {
 public:
  explicit KeptRule(const tools::Workspace& original);

  // The kept files of `workspace` (the original or a copy of it), sorted. Throws invalid when there
  // are more than 200000.
  std::vector<std::string> files(const tools::Workspace& workspace) const;

 private:
  std::filesystem::path root_;
  std::vector<std::string> tracked_;
};

// The kept files of a workspace that is no copy.
std::vector<std::string> kept_files(const tools::Workspace& workspace);

// The .git of each repository beneath the workspace that git does not ignore there, submodules too:
// absolute paths beneath shown_as(), at most 256. What a command writes into one would run when
// somebody uses git in it. Symbolic links are left out.
std::vector<std::filesystem::path> nested_git_folders(const tools::Workspace& workspace);

// A .git in the copy `to` of `from` for the kept rule and for the mount of the real one: a folder
// with the list of excluded files, or an empty file; nothing where `from` has none.
void stand_in_for_git(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace corvid::runtime
