#include "runtime/base/memory_left.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

namespace corvid {
namespace {

// The number behind `name`; of a file that holds just a number, with an empty name.
std::optional<int64_t> read_number(const std::filesystem::path& path, const std::string& name) {
  std::ifstream file(path);
  std::string word;
  int64_t number = 0;
  if (name.empty()) return file >> number ? std::optional(number) : std::nullopt;
  while (file >> word) {
    if (word == name) return file >> number ? std::optional(number) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

int64_t memory_left(const std::filesystem::path& root) {
  int64_t left = INT64_MAX;
  if (const auto kib = read_number(root / "proc/meminfo", "MemAvailable:")) left = *kib * 1024;
  const auto group = root / "sys/fs/cgroup";
  const auto limit = read_number(group / "memory.max", "");  // "max" is no number
  const auto used = read_number(group / "memory.current", "");
  if (!limit || !used) return left;
  // Pages of files are given up first.
  const int64_t files = read_number(group / "memory.stat", "inactive_file").value_or(0);
  return std::clamp<int64_t>(*limit - *used + files, 0, left);
}

}  // namespace corvid
