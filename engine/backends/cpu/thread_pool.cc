#include "engine/backends/cpu/thread_pool.h"

#include <algorithm>

namespace corvid::engine {

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
  const Work work{count, grain, context, call};
  if (threads_.empty() || count <= grain) return call(context, 0, 0, count);
  {
    const std::lock_guard lock(mutex_);
    work_ = work;
    busy_ = static_cast<int>(threads_.size());
    ++round_;
  }
  changed_.notify_all();
  do_part(work, 0);
  std::unique_lock lock(mutex_);
  finished_.wait(lock, [this] { return busy_ == 0; });
}

void ThreadPool::do_part(const Work& work, int worker) const {
  const int64_t grains = (work.count + work.grain - 1) / work.grain;
  const auto border = [&](int64_t part) {
    return std::min(work.count, grains * part / thread_count() * work.grain);
  };
  const int64_t begin = border(worker), end = border(worker + 1);
  if (begin < end) work.call(work.context, worker, begin, end);
}

void ThreadPool::serve(int worker) {
  uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || round_ != seen; });
    if (stopping_) return;
    seen = round_;
    const Work work = work_;
    lock.unlock();
    do_part(work, worker);
    lock.lock();
    if (--busy_ == 0) finished_.notify_one();
  }
}

}  // namespace corvid::engine
