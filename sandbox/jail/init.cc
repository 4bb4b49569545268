// The first process of the namespaces: while it lives the command lives, when it ends all end.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/jail/steps.h"

namespace corvid::jail {
namespace {

constexpr long kLookEveryNanoseconds = 20'000'000;

[[noreturn]] void end(Ending ending, int value, const char* text = "") {
  report(ending, value, text);
  _exit(0);
}

// Ends the process when the command has ended. Orphans of the command are reaped on the way.
void reap(pid_t command, const Plan& plan, int proc_fd) {
  bool has_ended = false;
  int ending = 0;
  for (;;) {
    int status = 0;
    const pid_t done = waitpid(-1, &status, WNOHANG);
    if (done == 0 || (done < 0 && errno == ECHILD)) break;
    if (done != command) continue;
    has_ended = true;
    ending = status;
  }
  if (!has_ended) return;
  char left[24];
  snprintf(left, sizeof left, "%ld", measure(plan, proc_fd).process_count);
  // 126 after a failed step or exec: the child has reported already, and the first report counts.
  if (WIFEXITED(ending)) end(Ending::exited, WEXITSTATUS(ending), left);
  if (WIFSIGNALED(ending)) end(Ending::killed, WTERMSIG(ending), left);
}

void look(const Plan& plan, int proc_fd, SharedMemory& shared) {
  pollfd lifeline = {kLifelineFd, 0, 0};
  if (poll(&lifeline, 1, 0) != 0) _exit(126);
  const Usage usage = measure(plan, proc_fd);
  if (usage.process_count > plan.processes_max) end(Ending::processes_exceeded, 0);
  look_at_shared_memory(proc_fd, shared);
  const long left = plan.memory_bytes_max - shared.bytes();
  if (usage.resident_bytes <= left) return;
  const long exact = measure_exactly(plan, proc_fd);
  if (exact <= left || exact - counted_twice(plan, proc_fd, shared) <= left) return;
  end(Ending::memory_exceeded, 0);
}

}  // namespace

void run_init(State& state) {
  const int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (proc_fd < 0) {
    report(Ending::step_failed, errno, "watch: /proc");
    _exit(126);
  }
  const pid_t command = fork();
  if (command == 0) execute(state, Stage::command);
  if (command < 0) {
    report(Ending::step_failed, errno, "fork");
    _exit(126);
  }
  // The pipes belong to the command: init must not keep them open or read from them.
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nothing >= 0) {
    for (int fd = 0; fd <= 2; ++fd) dup2(nothing, fd);
  }
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  const timespec pause = {0, kLookEveryNanoseconds};
  SharedMemory shared;
  for (;;) {
    reap(command, state.plan, proc_fd);
    if (sigtimedwait(&child, nullptr, &pause) < 0) look(state.plan, proc_fd, shared);
  }
}

void execute(State& state, Stage stage) {
  run_steps(stage, state);
  int error = ENOENT;
  for (const std::string& program : state.candidates) {
    execve(program.c_str(), state.argv.data(), state.environment.data());
    if (errno != ENOENT && errno != ENOTDIR) error = errno;
    if (error != ENOENT && error != EACCES) break;
  }
  report(Ending::not_executed, error);
  _exit(error == ENOENT ? 127 : 126);
}

}  // namespace corvid::jail
