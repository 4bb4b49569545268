#pragma once

#include <filesystem>

#include "runtime/clean_copy.h"

namespace corvid::runtime {

// A run's own folder for the copies that it makes, removed on destruction. Its lock is held as long
// as the run lives, so that sweep_scratch() can tell what a killed run has left.
class RunScratch {
 public:
  // Makes the folder below `base`, and sweeps `base` first. Throws io.
  explicit RunScratch(const std::filesystem::path& base);
  ~RunScratch();
  RunScratch(const RunScratch&) = delete;
  RunScratch& operator=(const RunScratch&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int lock_fd_ = -1;
};

// Removes the folders of runs that have ended without removing them; never those of a run that
// lives. What cannot be removed stays.
void sweep_scratch(const std::filesystem::path& base);

}  // namespace corvid::runtime
