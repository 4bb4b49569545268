#include "engine/schedule/turns.h"

#include <algorithm>

namespace corvid::engine {
namespace {

constexpr size_t kCallsMax = 64;  // in one pass

}  // namespace

Turns::Turns() { expected_.reserve(kCallsMax); }

void Turns::take(Call& call, const Pass& pass) {
  std::vector<Call*> calls;  // of the pass that this thread may come to lead: none may fail then
  calls.reserve(kCallsMax);
  call.thread = std::this_thread::get_id();
  {
    std::unique_lock lock(mutex_);
    queue_.push_back(&call);
    std::erase(expected_, call.thread);
    arrived_.notify_one();
    ended_.wait(lock, [&] { return call.is_done || (!is_busy_ && queue_.front() == &call); });
    if (!call.is_done) lead(lock, call, calls, pass);
  }
  if (call.error) std::rethrow_exception(call.error);
}

void Turns::lead(std::unique_lock<std::mutex>& lock, Call& first, std::vector<Call*>& calls,
                 const Pass& pass) {
  // Who cannot share has the processor at once: the others are back before it is done.
  const auto is_alone = [](const Call* call) { return !call->shares; };
  if (first.shares) {
    arrived_.wait_until(lock, linger_until_, [&] {
      return expected_.empty() || std::any_of(queue_.begin(), queue_.end(), is_alone);
    });
  }
  gather(first, calls);
  is_busy_ = true;
  lock.unlock();
  std::exception_ptr error;
  const auto begin = std::chrono::steady_clock::now();
  try {
    pass(calls);
  } catch (...) {  // edge: the threads whose calls these are throw it
    error = std::current_exception();
  }
  const auto end = std::chrono::steady_clock::now();
  lock.lock();
  is_busy_ = false;
  if (first.shares) {
    expected_.clear();
    for (const Call* call : calls) expected_.push_back(call->thread);
    linger_until_ = end + std::min<std::chrono::steady_clock::duration>(end - begin, kLingerMax);
    counts_.steps += std::ssize(calls);
    ++counts_.passes;
  }
  for (Call* call : calls) {
    if (!call->error) call->error = error;
    call->is_done = true;
  }
  ended_.notify_all();
}

// Takes the calls of the next pass out of the queue.
void Turns::gather(Call& first, std::vector<Call*>& calls) {
  int64_t rows = 0;
  std::erase_if(queue_, [&](Call* call) {
    const bool goes_too = first.shares && call->shares && rows + call->rows <= kPassRowsMax &&
                          calls.size() < kCallsMax;
    if (call != &first && !goes_too) return false;
    calls.push_back(call);
    rows += call->rows;
    return true;
  });
}

StepCounts Turns::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

int Turns::waiting_count() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(queue_.size());
}

}  // namespace corvid::engine
