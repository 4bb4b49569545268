#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "runtime/snapshot.h"

namespace corvid::runtime {

// The stamp of what stands at `path`, once a further change would show in it; waits for that, a
// moment. Nothing: it goes on changing, was changed when the clock was ahead, or is not there.
std::optional<FileStamp> settled_stamp(const std::filesystem::path& path);

// Files of a folder that a copy of it shows instead of holding them, where both are mounted as an
// overlay (Mount::below in sandbox/profile.h). Nothing else of the folder is seen there: the copy
// gets whiteouts and opaque folders.
class Overlay {
 public:
  // Shows those of `wanted` (relative path -> stamp) that still have their stamp in `folder`, are
  // reached without links, can be read without user 0's rights over others' files (a mount of the
  // sandbox does not have them), and for which `copy` has nothing. Throws io where the file system
  // of `copy` cannot say it, timeout where a folder goes on changing.
  Overlay(std::filesystem::path copy, std::filesystem::path folder,
          std::map<std::string, FileStamp> wanted);

  const std::filesystem::path& folder() const { return folder_; }
  bool shows(const std::string& path) const { return files_.contains(path); }
  bool is_empty() const { return files_.empty(); }
  // Whether what is shown is what it was, and nothing came beside it.
  bool is_unchanged() const;

 private:
  void merge(const std::string& relative);

  std::filesystem::path copy_, folder_;
  std::map<std::string, FileStamp> wanted_;
  std::set<std::string> way_;  // folders that lead to what is wanted
  std::map<std::string, FileStamp> files_, folders_;
};

}  // namespace corvid::runtime
