#include "runtime/deadline.h"

#include <chrono>

namespace corvid::runtime {

Deadline::Deadline(std::stop_source& source, int64_t seconds)
    : thread_([this, &source, seconds](std::stop_token stop) {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, stop, std::chrono::seconds(seconds), [] { return false; }) &&
            !stop.stop_requested()) {
          is_over_ = true;
          source.request_stop();
        }
      }) {}

}  // namespace corvid::runtime
