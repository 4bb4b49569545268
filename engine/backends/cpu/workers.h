#pragma once

#include <cstdint>
#include <vector>

#include "engine/backends/cpu/denormals.h"
#include "engine/backends/cpu/thread_pool.h"

namespace corvid::engine {

inline constexpr int64_t kSlow = 16;  // multiplications that an element of other work is worth

// Threads, each with memory of its own.
class Workers {
 public:
  explicit Workers(int thread_count)
      : pool_(thread_count), scratch_(static_cast<size_t>(pool_.thread_count())) {}
  int thread_count() const { return pool_.thread_count(); }

  // body(worker, begin, end) on parts of [0, count), as ThreadPool::run(); where `work` is little,
  // counted in multiplications, all of it by the caller.
  template <typename Body>
  void share(int64_t work, int64_t count, int64_t grain, const Body& body) {
    // Below so many waking the threads costs more than it gives.
    constexpr int64_t kParallelWork = 1 << 20;
    const auto part = [&body](int worker, int64_t begin, int64_t end) {
      const DenormalsAreZero guard;
      body(worker, begin, end);
    };
    if (work < kParallelWork) return part(0, 0, count);
    pool_.run(count, grain, part);
  }

  // Room for every thread, made before the threads start.
  void reserve(int64_t floats) {
    for (std::vector<float>& block : scratch_) {
      if (static_cast<int64_t>(block.size()) < floats) block.resize(static_cast<size_t>(floats));
    }
  }
  float* scratch(int worker) { return scratch_[static_cast<size_t>(worker)].data(); }

 private:
  ThreadPool pool_;
  std::vector<std::vector<float>> scratch_;
};

}  // namespace corvid::engine
