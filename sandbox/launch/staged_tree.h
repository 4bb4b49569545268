#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sandbox/launch/path_text.h"

namespace corvid::sandbox {

// What is to become of a folder's copy.
struct StagedFolder {
  std::filesystem::path source;  // the folder itself
  std::filesystem::path copy;    // must not exist
  // Relative to the folder. Not copied, and never brought back: what a command puts there is lost.
  std::set<std::string> left_out;
  // The same, but for the command to read: copied, or a link for a folder.
  std::set<std::string> read_only;
  PathPairs paths;  // for the text of symbolic links
};

// A copy of a folder for a command to work in, and the way of its changes back. Regular files,
// folders and symbolic links; others are left out, and so is what cannot be read.
class StagedTree {
 public:
  // Copies. Throws io.
  explicit StagedTree(StagedFolder folder);

  // Makes the folder as the copy is now, each file in one step; a file that somebody else has
  // changed meanwhile stays as it is. No command may run any more. Gives the files left alone,
  // "NAME: why". Throws io.
  std::vector<std::string> bring_back() const;

 private:
  // What tells one state of a file from another.
  struct Stamp {
    ino_t inode = 0;
    mode_t mode = 0;
    off_t size = 0;
    int64_t modified_ns = 0;
    int64_t changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  struct Entry {
    Stamp source;
    Stamp copy;
  };
  class WayBack;

  static Stamp stamp_of(const struct stat& status);
  void copy_beneath(const std::filesystem::path& relative);
  bool copy_entry(const std::filesystem::path& relative, const struct stat& status);
  void give_read_only(const std::string& relative);
  std::map<std::string, struct stat> entries_now() const;

  StagedFolder folder_;
  std::map<std::string, Entry> entries_;  // by path relative to the folder; folders before files
};

}  // namespace corvid::sandbox
