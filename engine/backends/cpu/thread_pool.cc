#include "engine/backends/cpu/thread_pool.h"

#include <algorithm>

namespace corvid::engine {
namespace {

// Parts for each thread: small enough to even out, large enough that taking one costs nothing.
constexpr int64_t kPartsPerThread = 8;
// Looks before a thread sleeps: some tens of microseconds, about what waking one takes.
constexpr int kLooks = 400;

void pause() {
#ifdef __x86_64__
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

constexpr uint32_t kClosed = UINT32_MAX;  // a part that no round has

uint32_t round_of(uint64_t next) { return static_cast<uint32_t>(next >> 32); }
uint32_t part_of(uint64_t next) { return static_cast<uint32_t>(next); }

}  // namespace

ThreadPool::ThreadPool(int thread_count) {
  for (int worker = 1; worker < thread_count; ++worker) {
    threads_.emplace_back([this, worker] { serve(worker); });
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::start(int64_t count, int64_t grain, const void* context, Call call) {
  if (threads_.empty() || count <= grain) return call(context, 0, 0, count);
  const int64_t grains = (count + grain - 1) / grain;
  const auto parts = static_cast<uint32_t>(std::min(grains, kPartsPerThread * thread_count()));
  const uint32_t round = round_of(next_.load());
  next_.store(uint64_t{round} << 32 | kClosed);
  count_.store(count, std::memory_order_release);
  grain_.store(grain, std::memory_order_release);
  context_.store(context, std::memory_order_release);
  call_.store(call, std::memory_order_release);
  parts_.store(parts, std::memory_order_release);
  open_.store(parts, std::memory_order_release);
  next_.store(uint64_t{round + 1u} << 32);
  if (sleepers_.load() > 0) {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  do_parts(0);
  for (int look = 0; look < kLooks && open_.load(std::memory_order_acquire) > 0; ++look) pause();
  if (open_.load(std::memory_order_acquire) == 0) return;
  std::unique_lock lock(mutex_);
  caller_sleeps_ = true;
  finished_.wait(lock, [this] { return open_.load() == 0; });
  caller_sleeps_ = false;
}

void ThreadPool::do_parts(int worker) {
  for (;;) {
    uint64_t next = next_.load();
    const int64_t count = count_.load(std::memory_order_acquire);
    const int64_t grain = grain_.load(std::memory_order_acquire);
    const void* context = context_.load(std::memory_order_acquire);
    const Call call = call_.load(std::memory_order_acquire);
    const int64_t parts = parts_.load(std::memory_order_acquire), part = part_of(next);
    if (part >= parts) return;
    // Fails where another took the part, or a new round is made and what was read is not of this.
    if (!next_.compare_exchange_strong(next, next + 1)) continue;
    const int64_t grains = (count + grain - 1) / grain;
    const auto border = [&](int64_t at) { return std::min(count, grains * at / parts * grain); };
    call(context, worker, border(part), border(part + 1));
    if (open_.fetch_sub(1) == 1 && caller_sleeps_.load()) {
      const std::lock_guard lock(mutex_);
      finished_.notify_one();
    }
  }
}

bool ThreadPool::has_work(uint32_t seen) const { return round_of(next_.load()) != seen; }

void ThreadPool::serve(int worker) {
  for (uint32_t seen = 0;;) {
    for (int look = 0; look < kLooks && !has_work(seen); ++look) pause();
    if (!has_work(seen)) {
      std::unique_lock lock(mutex_);
      ++sleepers_;
      changed_.wait(lock, [&] { return stopping_ || has_work(seen); });
      --sleepers_;
    }
    if (stopping_) return;
    seen = round_of(next_.load());
    do_parts(worker);
  }
}

}  // namespace corvid::engine
