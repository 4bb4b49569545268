#pragma once

#include <cstdint>
#include <filesystem>

namespace corvid {

// Bytes that processes can still have without swapping, as the kernel and the limit of the
// container's cgroup say beneath `root`; INT64_MAX where neither says anything.
int64_t memory_left(const std::filesystem::path& root = "/");

}  // namespace corvid
