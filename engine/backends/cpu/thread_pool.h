#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace corvid::engine {

// Threads that wait for work. Used by one thread at a time, which takes part in the work itself.
class ThreadPool {
 public:
  explicit ThreadPool(int thread_count);  // the caller's thread counts
  ~ThreadPool();
  int thread_count() const { return static_cast<int>(threads_.size()) + 1; }

  // body(worker, begin, end) on parts of [0, count) whose borders are multiples of `grain`; returns
  // when all are done. Bodies must not throw.
  template <typename Body>
  void run(int64_t count, int64_t grain, const Body& body) {
    start(count, grain, &body, [](const void* context, int worker, int64_t begin, int64_t end) {
      (*static_cast<const Body*>(context))(worker, begin, end);
    });
  }

 private:
  using Call = void (*)(const void* context, int worker, int64_t begin, int64_t end);
  struct Work {
    int64_t count = 0, grain = 1;
    const void* context = nullptr;
    Call call = nullptr;
  };

  void start(int64_t count, int64_t grain, const void* context, Call call);
  void do_part(const Work& work, int worker) const;
  void serve(int worker);

  std::mutex mutex_;
  std::condition_variable changed_, finished_;
  Work work_;
  uint64_t round_ = 0;
  int busy_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace corvid::engine
