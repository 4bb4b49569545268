#pragma once
// Workspace snapshots in a shadow repository outside of the workspace: every folder and file, also
// untracked and ignored ones up to a size, as git trees. The user's own .git is never touched.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

struct stat;

namespace corvid::runtime {

struct SnapshotLimits {
  int64_t file_bytes_max = int64_t{16} << 20;
  // Of what git ignores, in the order of the paths; tracked and unignored files always fit.
  int64_t total_bytes_max = int64_t{512} << 20;
};

// One file or folder of a snapshot.
struct SnapshotEntry {
  std::string blob;          // id in the repository; empty for a folder
  uint32_t mode = 0;         // 0100644, 0100755, 0120000 (symbolic link) or 0040000 (folder)
  uint32_t permissions = 0;  // of a file or a folder, 07777 at most
  bool operator==(const SnapshotEntry&) const = default;
};
bool is_folder(const SnapshotEntry& entry);

// What tells whether a file is another one without reading it. The change time moves with every
// change, and no program can set it back. Of writes through a mapping the kernel notes the first
// one to a page until it has written that out: later ones go unseen.
struct FileStamp {
  int64_t size = 0, mtime_ns = 0, ctime_ns = 0;
  uint64_t inode = 0;
  bool operator==(const FileStamp&) const = default;
};
FileStamp stamp_of(const struct stat& status);

// File systems stamp changes with a clock that stands still for some milliseconds, or for one or
// two seconds (small inodes of ext4, FAT): of two changes in one of its steps the second cannot be
// seen. False while there may be such a one.
bool is_settled(const FileStamp& stamp);

struct Snapshot {
  std::string tree;                            // id in the repository
  std::map<std::string, SnapshotEntry> files;  // relative path -> what it is
  std::map<std::string, uint32_t> folders;     // relative path -> permissions
  bool has_folders = true;  // false: recorded by an older version, which did not keep folders
  // Relative paths, sorted: above a limit, unreadable, or no file (a pipe); a folder stands for all
  // beneath it. What they hold is unknown: nothing that is done with the snapshot touches them.
  std::vector<std::string> left_out;
  std::map<std::string, FileStamp> left_out_stamps;  // of those that are files
  std::vector<std::string> left_out_texts;  // "path (why)" for people; only take() fills it
};

bool is_left_out(const Snapshot& snapshot, const std::string& path);

// The file or folder at `path`; nothing: neither.
std::optional<SnapshotEntry> entry_in(const Snapshot& snapshot, const std::string& path);

// What files and folders are to be: nothing stands for "not there".
using WantedFiles = std::map<std::string, std::optional<SnapshotEntry>>;

// Where the shadow repository `folder` keeps what it has seen; to be removed with any object.
std::filesystem::path seen_place(const std::filesystem::path& folder);

// The shadow repository of one workspace. Thread-safe.
class SnapshotStore {
 public:
  SnapshotStore(const std::filesystem::path& folder, std::filesystem::path workspace,
                SnapshotLimits limits = {});
  ~SnapshotStore();

  // Records the workspace as it is. Unchanged files (see FileStamp) are not read again, nor by the
  // next process.
  Snapshot take();

  Snapshot load(const std::string& tree) const;  // throws not_found

  // Makes the workspace equal to `target` where it differs from it; what either left out stays.
  // Returns the paths that were changed.
  std::vector<std::string> restore(const Snapshot& target);

  // Makes these files and folders what they are to be, touches no other, and returns the files that
  // it changed. A path that other things stand in the way of (a link or a file for a folder above
  // it, a folder with files in its place) is left alone, and so is a folder to be removed that is
  // not empty. No file gets its setuid or setgid bit back: it may have another owner. Throws io.
  std::vector<std::string> put_back(const WantedFiles& wanted);

  // Writes the files of `snapshot` beneath `folder`.
  void write_to(const Snapshot& snapshot, const std::filesystem::path& folder) const;

  std::string content(const SnapshotEntry& entry) const;

  // Keeps `tree` from being collected under a name such as a session's id.
  void pin(const std::string& tree, const std::string& name);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Files that differ between two snapshots, sorted, without those that one of them left out; the
// same of folders, of which there are none where one of them kept no folders.
std::vector<std::string> changed_folders(const Snapshot& before, const Snapshot& after);
std::vector<std::string> changed_paths(const Snapshot& before, const Snapshot& after);

// Files that either left out and that are other ones in `after`, or there in one alone; sorted.
std::vector<std::string> changed_left_out(const Snapshot& before, const Snapshot& after);

// Unified diff of all changes, for people and the log; binary files by name only.
std::string snapshot_diff(const SnapshotStore& store, const Snapshot& before,
                          const Snapshot& after);

}  // namespace corvid::runtime
