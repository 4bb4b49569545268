#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "engine/engine.h"

namespace corvid::engine {

inline constexpr int64_t kSharedRowsMax = 64;  // of a call that may share a pass
inline constexpr int64_t kPassRowsMax = 512;   // of a pass that several calls share
inline constexpr std::chrono::milliseconds kLingerMax{100};

// How threads come to use one model: in the order in which they ask, except that small calls of
// several threads become one pass, which reads the weights once for all of them. The thread whose
// call comes first computes for the others. Before that it waits a moment for the threads of the
// pass before, which ask again as soon as they have drawn their next token: since the end of that
// pass at most as long as it took, and kLingerMax. Thread-safe.
class Turns {
 public:
  struct Call {
    int64_t rows = 0;
    bool shares = false;       // may be in one pass with others; what it is passed to knows them
    std::exception_ptr error;  // set by the pass: what went wrong with this call alone

   private:
    friend class Turns;
    std::thread::id thread;
    bool is_done = false;
  };
  using Pass = std::function<void(std::span<Call* const> calls)>;

  Turns();

  // Returns when `call` is done, by `pass` or by another thread's. Passes never overlap. Throws the
  // call's error; what a pass throws is the error of every call in it.
  void take(Call& call, const Pass& pass);

  StepCounts counts() const;  // of calls that might share a pass
  int waiting_count() const;  // calls whose pass has not begun

 private:
  void lead(std::unique_lock<std::mutex>& lock, Call& first, std::vector<Call*>& calls,
            const Pass& pass);
  void gather(Call& first, std::vector<Call*>& calls);

  mutable std::mutex mutex_;  // protects what follows
  std::condition_variable arrived_, ended_;
  std::vector<Call*> queue_;  // the first one's thread computes next
  bool is_busy_ = false;
  std::vector<std::thread::id> expected_;  // in the last shared pass, and not back since
  std::chrono::steady_clock::time_point linger_until_;
  StepCounts counts_;
};

}  // namespace corvid::engine
