#include "runtime/deadline.h"

#include <chrono>

namespace corvid::runtime {

Deadline::Deadline(const StopWish& outer, int64_t seconds)
    : both_(steps_.get_token(), [this] { stop_.request_stop(); }),
      forward_(outer.stop,
               [this, is_both = !outer.stop_steps.stop_possible()] {
                 (is_both ? steps_ : stop_).request_stop();
               }),
      forward_steps_(outer.stop_steps, [this] { steps_.request_stop(); }),
      thread_([this, seconds](std::stop_token ended) {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, ended, std::chrono::seconds(seconds), [] { return false; }) &&
            !ended.stop_requested()) {
          is_over_ = true;
          steps_.request_stop();
        }
      }) {}

}  // namespace corvid::runtime
