#pragma once

#include <atomic>
#include <mutex>

namespace corvid {

// What std::call_once is for, but exceptions get out, and the next call tries again: in a program
// that has libgcc within itself one that passes through the C library's pthread_once ends it.
class Once {
 public:
  template <typename Make>
  void call(const Make& make) {
    if (is_done_) return;
    const std::scoped_lock guard(mutex_);
    if (is_done_) return;
    make();
    is_done_ = true;
  }

 private:
  std::mutex mutex_;
  std::atomic<bool> is_done_ = false;
};

}  // namespace corvid
