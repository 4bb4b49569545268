#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "runtime/base/copy_files.h"
#include "runtime/copy_changes.h"
#include "runtime/kept_files.h"
#include "runtime/snapshot.h"
#include "sandbox/profile.h"
#include "tools/workspace.h"

namespace corvid::runtime {

// A new folder below `base` (made where it is missing; empty: the system's temporary folder),
// removed with everything in it on destruction.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& prefix, const std::filesystem::path& base = {});
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Makes room for a file at `path` beneath `root`: what stands there goes, and so do files and links
// where its folders belong.
void clear_way(const std::filesystem::path& root, const std::string& path);

inline constexpr int64_t kIgnoredBytesMax = int64_t{1} << 30;

// The workspace's files at the start of a run that git ignores, kept aside: build caches and
// virtual environments that a check may need, as they were before anything ran.
class IgnoredFiles {
 public:
  explicit IgnoredFiles(const tools::Workspace& workspace, int64_t bytes_max = kIgnoredBytesMax,
                        const std::filesystem::path& base = {});

  // For a run that is resumed: from the snapshot of its start. Their times are lost; they get an
  // old one, so that build tools take the sources for newer.
  IgnoredFiles(const tools::Workspace& workspace, const SnapshotStore& store, const Snapshot& start,
               const std::filesystem::path& base = {});

  // Above the limit, or unreadable.
  const std::vector<std::string>& left_out() const { return left_out_; }
  const KeptRule& rule() const { return rule_; }
  void copy_to(const std::filesystem::path& folder) const;  // also the folders of the start

 private:
  ScratchFolder folder_;
  KeptRule rule_;
  std::vector<std::string> paths_;
  std::vector<std::string> folders_;  // all, also empty ones
  std::vector<std::string> left_out_;
};

// A folder with the kept files of `workspace` as they are now and the ignored ones as they were at
// the start; commands see it at the workspace's own path. `workspace` may be an attempt's copy.
class CleanCopy {
 public:
  CleanCopy(const tools::Workspace& workspace, const IgnoredFiles& ignored,
            const std::filesystem::path& base = {});
  const std::filesystem::path& root() const { return folder_.path(); }
  const std::vector<std::string>& kept() const { return kept_; }  // sorted
  // Those of the kept files that cannot be read or vanished meanwhile: they are missing here.
  const std::vector<std::string>& left_out() const { return left_out_; }

 private:
  ScratchFolder folder_;
  std::vector<std::string> kept_;
  std::vector<std::string> left_out_;
};

// A folder with every file and folder of the workspace as it is now, for an attempt to work in; a
// stand-in takes the place of .git. Files that cannot be read are missing.
class WorkingCopy {
 public:
  explicit WorkingCopy(const tools::Workspace& workspace, const std::filesystem::path& base = {});
  const std::filesystem::path& root() const { return folder_.path(); }

 private:
  ScratchFolder folder_;
};

// `profile` with `root` shown at the path `shown_as`, writable when `profile` lets commands write
// there, and the workspace's .git (if any) read-only inside; what git keeps outside of a worktree
// is readable.
sandbox::Profile show_at(sandbox::Profile profile, const std::filesystem::path& root,
                         const std::filesystem::path& shown_as);

}  // namespace corvid::runtime
