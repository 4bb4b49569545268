#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/jail/status.h"
#include "sandbox/sandbox.h"

namespace corvid::sandbox {

// A file descriptor with an owner.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;
  int get() const { return fd_; }
  void reset();

 private:
  int fd_;
};

// A file in memory with `content`, at offset 0, closed by exec; its number is none that a started
// program is given. Throws io.
Descriptor memory_file(const char* name, std::string_view content);

// A program to start, with 0, 1 and 2 and what jail/plan.h names.
struct Launch {
  std::string program;
  std::vector<std::string> argv;
  std::vector<std::string> environment;
  std::string cwd;                // empty: this process's
  std::string stdin_text;
  int stdin_fd = -1;              // instead of stdin_text; -1: none
  std::optional<std::string> plan;  // for the jail: passed as kPlanFd, with status and lifeline
  int proxy_fd = -1;  // for the jail, as kProxyFd; stays the caller's; -1: none
  int64_t output_bytes_max = 0;
  std::chrono::milliseconds time_max{0};
  std::function<void(std::string_view)> on_output;
  bool collect_output = true;  // false: on_output gets all of it
};

// What every backend takes over from a command: input, output and limits.
Launch launch_of(const Command& command, const Profile& profile);

struct Ended {
  Outcome outcome;                     // of the started program: in a jail, of the jail itself
  std::optional<jail::Status> status;  // the jail's report
};

// Starts the program in a process group of its own, collects its output, and returns when it has
// ended; on time-out or a stop request it gets SIGTERM (a jail then ends all) and soon SIGKILL, as
// its whole group. The kernel ends it when the calling thread ends. Throws io.
Ended run_process(const Launch& launch, std::stop_token stop);

}  // namespace corvid::sandbox
