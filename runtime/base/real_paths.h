#pragma once

#include <filesystem>
#include <string>
#include <unordered_map>

namespace corvid {

// std::filesystem::weakly_canonical for many paths, which looks at each folder on their ways once.
class RealPaths {
 public:
  // `path` is absolute. What cannot be looked at is taken as it is.
  std::filesystem::path of(const std::filesystem::path& path);

 private:
  std::unordered_map<std::string, std::filesystem::path> folders_;
};

}  // namespace corvid
