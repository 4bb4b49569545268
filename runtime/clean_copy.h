#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/copy_files.h"
#include "runtime/copy_changes.h"
#include "runtime/kept_files.h"
#include "runtime/overlay.h"
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

inline constexpr int64_t kIgnoredBytesMax = int64_t{1} << 30;  // that are written anew

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

  // Not kept aside: above the limit (where the file system cannot share blocks), or unreadable.
  const std::vector<std::string>& left_out() const { return left_out_; }
  // Those of them that can be told from others, and the folder where they lie.
  const std::map<std::string, FileStamp>& known_left_out() const { return known_left_out_; }
  const std::filesystem::path& workspace() const { return workspace_; }
  const KeptRule& rule() const { return rule_; }
  void copy_to(const std::filesystem::path& folder) const;  // also the folders of the start

 private:
  ScratchFolder folder_;
  std::filesystem::path workspace_;
  KeptRule rule_;
  std::vector<std::string> paths_;
  std::vector<std::string> folders_;  // all, also empty ones
  std::vector<std::string> left_out_;
  std::map<std::string, FileStamp> known_left_out_;
};

// A folder with the kept files of `workspace` as they are now and the ignored ones as they were at
// the start; commands see it at the workspace's own path. `workspace` may be an attempt's copy.
class CleanCopy {
 public:
  CleanCopy(const tools::Workspace& workspace, const IgnoredFiles& ignored,
            const std::filesystem::path& base = {});
  // Once the copy is complete: ignored files that were not kept aside are shown where they lie, as
  // far as they are what they were at the start. Throws io where the file system is not fit for it.
  void show_rest(const IgnoredFiles& ignored);
  const std::filesystem::path& root() const { return root_; }
  // What is shown, not copied; null: nothing.
  const Overlay* overlay() const { return overlay_.has_value() ? &*overlay_ : nullptr; }
  const std::vector<std::string>& kept() const { return kept_; }  // sorted
  // Those of the kept files that cannot be read or vanished meanwhile: they are missing here.
  const std::vector<std::string>& left_out() const { return left_out_; }

 private:
  friend sandbox::Profile show_at(sandbox::Profile profile, const CleanCopy& copy,
                                  const std::filesystem::path& shown_as);

  ScratchFolder folder_;
  std::filesystem::path root_, work_;  // the latter is the overlay's own
  std::vector<std::string> kept_;
  std::vector<std::string> left_out_;
  std::optional<Overlay> overlay_;
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

// The same of a clean copy, with what it shows through an overlay.
sandbox::Profile show_at(sandbox::Profile profile, const CleanCopy& copy,
                         const std::filesystem::path& shown_as);

}  // namespace corvid::runtime
