#include "tests/support/process.h"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace corvid::test {

ProcessResult run_process(const std::vector<std::string>& argv,
                          const std::map<std::string, std::string>& environment,
                          int kill_after_ms) {
  int out[2], err[2];
  if (::pipe(out) != 0 || ::pipe(err) != 0) std::abort();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(out[1], 1);
    ::dup2(err[1], 2);
    for (const int fd : {out[0], out[1], err[0], err[1]}) ::close(fd);
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> args;
    for (const std::string& arg : argv) args.push_back(const_cast<char*>(arg.c_str()));
    args.push_back(nullptr);
    ::execvp(args[0], args.data());
    ::_exit(127);
  }
  ::close(out[1]);
  ::close(err[1]);
  ProcessResult result;
  const auto begin = std::chrono::steady_clock::now();
  std::array<pollfd, 2> polls = {pollfd{out[0], POLLIN, 0}, pollfd{err[0], POLLIN, 0}};
  bool is_killed = false;
  while (polls[0].fd >= 0 || polls[1].fd >= 0) {
    int wait_ms = -1;
    if (kill_after_ms >= 0 && !is_killed) {
      const auto gone = std::chrono::duration_cast<std::chrono::milliseconds>(
                            std::chrono::steady_clock::now() - begin)
                            .count();
      wait_ms = gone >= kill_after_ms ? 0 : int(kill_after_ms - gone);
    }
    if (::poll(polls.data(), polls.size(), wait_ms) == 0) {
      ::kill(pid, SIGKILL);
      is_killed = true;
      continue;
    }
    for (size_t i = 0; i < polls.size(); ++i) {
      if (polls[i].fd < 0 || polls[i].revents == 0) continue;
      char buffer[1 << 14];
      const ssize_t count = ::read(polls[i].fd, buffer, sizeof buffer);
      if (count <= 0) {
        ::close(polls[i].fd);
        polls[i].fd = -1;
      } else {
        (i == 0 ? result.out : result.err).append(buffer, size_t(count));
      }
    }
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

}  // namespace corvid::test
