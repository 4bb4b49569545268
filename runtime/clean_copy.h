#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/files.h"
#include "sandbox/profile.h"
#include "tools/workspace.h"

namespace corvid::runtime {

// Copies one file with its mode and modification time (build tools compare times); shares blocks
// where the file system can. Symbolic links are copied as links.
void copy_file_exact(const std::filesystem::path& from, const std::filesystem::path& to);

// The workspace's files at the start of a run that git ignores, kept aside: build caches and
// virtual environments that a check may need, as they were before anything ran.
class IgnoredFiles {
 public:
  explicit IgnoredFiles(const tools::Workspace& workspace, int64_t bytes_max = int64_t{1} << 30);
  const std::vector<std::string>& left_out() const { return left_out_; }  // above the limit
  void copy_to(const std::filesystem::path& folder) const;

 private:
  TempDir folder_;
  std::vector<std::string> paths_;
  std::vector<std::string> left_out_;
};

// Tracked and unignored files of a workspace, sorted.
std::vector<std::string> kept_files(const tools::Workspace& workspace);

// A folder with the kept files of `workspace` as they are now and the ignored ones as they were at
// the start; commands see it at the workspace's own path.
class CleanCopy {
 public:
  CleanCopy(const tools::Workspace& workspace, const IgnoredFiles& ignored);
  const std::filesystem::path& root() const { return folder_.path(); }

 private:
  TempDir folder_;
};

// A folder with every file of the workspace as it is now, for an attempt to work in.
class WorkingCopy {
 public:
  explicit WorkingCopy(const tools::Workspace& workspace);
  const std::filesystem::path& root() const { return folder_.path(); }

 private:
  TempDir folder_;
};

// `profile` with `root` shown at the path `shown_as`, writable when `profile` lets commands write
// there, and the workspace's .git (if any) read-only inside.
sandbox::Profile show_at(sandbox::Profile profile, const std::filesystem::path& root,
                         const std::filesystem::path& shown_as);

}  // namespace corvid::runtime
