#pragma once
// Files of a test.

#include <filesystem>
#include <string_view>

#include "runtime/base/files.h"

namespace corvid::test {

// Writes a file and the folders that it lies in.
inline void put(const std::filesystem::path& path, std::string_view content) {
  std::filesystem::create_directories(path.parent_path());
  write_file_atomic(path, content);
}

}  // namespace corvid::test
