#pragma once

#include <atomic>
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
  // when all are done. A worker takes the next part when it is done with one, so that a thread that
  // the system stopped holds up a small part alone. Bodies must not throw.
  template <typename Body>
  void run(int64_t count, int64_t grain, const Body& body) {
    start(count, grain, &body, [](const void* context, int worker, int64_t begin, int64_t end) {
      (*static_cast<const Body*>(context))(worker, begin, end);
    });
  }

 private:
  using Call = void (*)(const void* context, int worker, int64_t begin, int64_t end);

  void start(int64_t count, int64_t grain, const void* context, Call call);
  void do_parts(int worker);
  void serve(int worker);
  bool has_work(uint32_t seen) const;

  // The work of a round. It is written while next_ is closed, so that who takes a part of a round,
  // which fails once next_ has changed, has read what belongs to it.
  std::atomic<int64_t> count_{0}, grain_{1};
  std::atomic<const void*> context_{nullptr};
  std::atomic<Call> call_{nullptr};
  std::atomic<uint32_t> parts_{0};
  std::atomic<uint64_t> next_{0};  // round << 32 | the next part
  std::atomic<uint32_t> open_{0};  // parts that are not done

  std::mutex mutex_;  // for those who sleep
  std::condition_variable changed_, finished_;
  std::atomic<int> sleepers_{0};
  std::atomic<bool> caller_sleeps_{false}, stopping_{false};
  std::vector<std::thread> threads_;
};

}  // namespace corvid::engine
