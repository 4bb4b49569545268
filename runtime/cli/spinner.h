#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>

namespace corvid::runtime {

// The last line of a terminal while something is waited for: a turning mark, the seconds, a note.
// It is erased before anything else is written. Does nothing where `stream` is no terminal.
class Spinner {
 public:
  explicit Spinner(std::FILE* stream);
  ~Spinner();
  Spinner(const Spinner&) = delete;
  Spinner& operator=(const Spinner&) = delete;

  void start(const std::string& note);  // the line appears when the wait is felt
  void stop();                          // the line is gone when it returns

 private:
  void turn();

  std::FILE* stream_;
  std::mutex mutex_;  // protects what follows
  std::condition_variable changed_;
  std::string note_;
  std::chrono::steady_clock::time_point since_;
  bool is_turning_ = false;
  bool is_shown_ = false;
  bool is_over_ = false;
  std::thread thread_;  // none without a terminal
};

}  // namespace corvid::runtime
