#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

namespace corvid::runtime {

// How a run is stopped from the outside.
struct StopWish {
  std::stop_token stop;        // begin nothing more
  std::stop_token stop_steps;  // end the tool call that runs, too
};

// Stops a run as its owner wishes or after a time; tells afterwards whether that was over.
class Deadline {
 public:
  // A `stop_steps` without a source: `stop` means both.
  Deadline(const StopWish& outer, int64_t seconds);
  StopWish wish() const { return {stop_.get_token(), steps_.get_token()}; }
  bool is_over() const { return is_over_; }

 private:
  using Callback = std::stop_callback<std::function<void()>>;
  std::stop_source stop_, steps_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::atomic<bool> is_over_{false};
  Callback both_, forward_, forward_steps_;
  std::jthread thread_;
};

}  // namespace corvid::runtime
