#pragma once

#include <filesystem>

namespace corvid::runtime {

// The exclusive lock of a folder, on a file "lock" in it; waited for, and held for the moment in
// which its entries are made or judged.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);  // which exists; throws io
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_ = -1;
};

// Whether another one holds an exclusive lock on this file, or it cannot be told.
bool is_locked(const std::filesystem::path& file);

}  // namespace corvid::runtime
