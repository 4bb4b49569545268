#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "runtime/provider.h"

namespace corvid::runtime {

// Model states on disk, one file per session: a cache, which may be deleted at any time.
inline constexpr int64_t kStateBytesMax = int64_t{4} << 30;

std::filesystem::path state_path(const std::filesystem::path& folder, const std::string& session);

// Keeps the state of `provider` for a resume of `session`, and removes the least recently used
// states of others until all together hold `bytes_max` bytes at most. Never throws: what cannot be
// written is evaluated again.
void keep_state(const Provider& provider, const std::filesystem::path& folder,
                const std::string& session, int64_t bytes_max = kStateBytesMax);

// Says that the state of `session` is in use, so that it is among the last to go.
void touch_state(const std::filesystem::path& folder, const std::string& session);

}  // namespace corvid::runtime
