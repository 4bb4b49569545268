#pragma once
// How many threads the cpu backend computes with.

#include <filesystem>
#include <span>

namespace corvid::engine {

inline constexpr int kThreadsMax = 256;

// `asked`, at most kThreadsMax; for 0, as many as there are cores for this process to run on. Two
// threads on one core have its arithmetic units and its way to memory to share, and gain nothing.
int thread_count(int asked);

// How many cores the processors `cpus` are, by what Linux says of them in `folder`
// (/sys/devices/system/cpu). A processor of which it says nothing is a core of its own.
int core_count(std::span<const int> cpus, const std::filesystem::path& folder);

}  // namespace corvid::engine
