#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "sandbox/jail/plan.h"
#include "sandbox/launch/path_text.h"
#include "sandbox/launch/process.h"
#include "sandbox/launch/staged_tree.h"
#include "sandbox/sandbox.h"

namespace corvid::sandbox {

// A folder for one command, removed on destruction. The same one for the same `key` unless another
// command has it: build tools note paths.
class StageFolder {
 public:
  // Below `base`, which is made where it is missing and must be nobody else's. Throws io, denied.
  StageFolder(const std::filesystem::path& base, const std::string& key);
  ~StageFolder();
  StageFolder(const StageFolder&) = delete;
  StageFolder& operator=(const StageFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  bool take(const std::filesystem::path& base, const std::string& name);

  std::filesystem::path path_;
  std::filesystem::path lock_path_;
  Descriptor lock_;
};

// What a command without a mount namespace may see of a profile: the places of Landlock's rules,
// and copies of the folders that it may write in where something in them is protected or hidden.
class StagedView {
 public:
  // Copies. Throws what make_file_tree does.
  StagedView(const Profile& profile, const std::filesystem::path& base);

  // Gives `plan` the places, and words, variables and folder as the command is to see them.
  void apply_to(jail::Plan& plan) const;
  // For what the command prints.
  const PathPairs& output_paths() const { return output_paths_; }
  // Once the command has ended, and all that it started; see StagedTree.
  std::vector<std::string> bring_back() const;

 private:
  void add_views(const Profile& profile);
  void add_read_root(const Profile& profile, const std::filesystem::path& root);
  void add(jail::MountOp::Kind kind, const std::filesystem::path& path);

  const std::filesystem::path base_;
  const std::filesystem::path home_;
  StageFolder stage_;
  std::vector<std::unique_ptr<StagedTree>> trees_;
  std::vector<jail::MountOp> places_;
  PathPairs paths_;         // for the command's words and variables
  PathPairs output_paths_;  // longest first
};

}  // namespace corvid::sandbox
