#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <thread>

namespace corvid::runtime {

// Stops a run after a time; tells afterwards whether it did.
class Deadline {
 public:
  // `source` outlives it.
  Deadline(std::stop_source& source, int64_t seconds);
  bool is_over() const { return is_over_; }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::atomic<bool> is_over_{false};
  std::jthread thread_;
};

}  // namespace corvid::runtime
