// corvid-jail: reads a plan, confines itself step by step, and executes a command. Started by
// sandbox/backends/linux.cc; `corvid-jail --probe` says which layers work here.
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/jail/steps.h"

namespace corvid::jail {
namespace {

bool read_plan(Plan& plan) {
  struct stat status = {};
  if (fstat(kPlanFd, &status) != 0 || status.st_size > kPlanBytesMax) return false;
  std::string text(static_cast<size_t>(status.st_size), '\0');
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t got = pread(kPlanFd, text.data() + done, text.size() - done,
                              static_cast<off_t>(done));
    if (got <= 0) return false;
    done += static_cast<size_t>(got);
  }
  return decode(text, plan);
}

void point_at(std::vector<std::string>& texts, std::vector<char*>& pointers) {
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
}

std::string value_of(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string& entry : environment) {
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=') {
      return entry.substr(name.size() + 1);
    }
  }
  return "";
}

void list_candidates(State& state) {
  const std::string& name = state.plan.argv[0];
  if (name.find('/') != std::string::npos) {
    state.candidates.push_back(name);
    return;
  }
  std::string path = value_of(state.plan.environment, "PATH");
  if (path.empty()) path = "/usr/local/bin:/usr/bin:/bin";
  for (size_t from = 0; from <= path.size();) {
    const size_t to = std::min(path.find(':', from), path.size());
    if (to > from) state.candidates.push_back(path.substr(from, to - from) + "/" + name);
    from = to + 1;
  }
}

// Waits for init to end, or for SIGTERM, which ends it. An init that was killed from outside, as by
// the kernel when memory ran out, has not reported.
int wait_for(pid_t init) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigaddset(&signals, SIGTERM);
  for (;;) {
    int status = 0;
    const pid_t done = waitpid(init, &status, WNOHANG);
    if (done == init && WIFSIGNALED(status)) report(Ending::killed, WTERMSIG(status));
    if (done == init) return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
    if (done < 0 && errno != EINTR) return 126;
    if (sigwaitinfo(&signals, nullptr) == SIGTERM) kill(init, SIGKILL);
  }
}

void block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace

bool prepare(State& state) {
  point_at(state.plan.argv, state.argv);
  point_at(state.plan.environment, state.environment);
  list_candidates(state);
  state.source_fds.assign(state.plan.mounts.size(), -1);
  state.filter = make_filter();
  state.landlock_abi = landlock_abi();
  if (!state.plan.is_staged) return !state.filter.empty();
  if (state.plan.landlock_abi_max > 0 && state.plan.landlock_abi_max < state.landlock_abi) {
    state.landlock_abi = static_cast<int>(state.plan.landlock_abi_max);
  }
  state.warden_filter = make_warden_filter(state.plan.allow_network);
  return !state.filter.empty() && !state.warden_filter.empty();
}

void report(Ending ending, int value, const char* text) {
  Status status;
  status.ending = ending;
  status.value = value;
  snprintf(status.text, sizeof status.text, "%s", text);
  // Without a reader nobody is left to be told, and the caller ends all the same.
  if (write(kStatusFd, &status, sizeof status) < 0) return;
}

void run_steps(Stage stage, State& state) {
  struct Step {
    Stage stage;
    const char* name;
    int (*apply)(State&);
  };
  static constexpr Step kSteps[] = {
#define X(stage, function) {Stage::stage, #function, function},
#include "sandbox/jail/steps.inc"
#undef X
  };
  for (const Step& step : kSteps) {
    if (step.stage != stage) continue;
    state.detail = nullptr;
    const int error = step.apply(state);
    if (error == 0) continue;
    char text[sizeof(Status::text)];
    snprintf(text, sizeof text, "%s%s%s", step.name, state.detail ? ": " : "",
             state.detail ? state.detail : "");
    report(Ending::step_failed, error, text);
    dprintf(2, "corvid-jail: step %s: %s\n", text, strerrordesc_np(error));
    if (stage == Stage::outside) remove_placeholders(state);
    _exit(126);
  }
}

static int run() {
  State state;
  if (syscall(SYS_close_range, kProxyFd + 1, ~0u, 0) != 0) return 126;  // others' files
  if (!read_plan(state.plan)) {
    report(Ending::step_failed, EINVAL, "read_plan");
    return 126;
  }
  if (state.plan.proxy_port == 0) close(kProxyFd);  // then it is another's, too
  if (!prepare(state)) {
    report(Ending::step_failed, EINVAL, "prepare");
    return 126;
  }
  block_signals();
  if (state.plan.is_staged) {
    run_steps(Stage::warden, state);
    return run_warden(state);
  }
  run_steps(Stage::outside, state);
  const int flags = namespace_flags(state.plan.allow_network) | SIGCHLD;
  const pid_t init = static_cast<pid_t>(syscall(SYS_clone, flags, nullptr, nullptr, nullptr, 0));
  if (init == 0) {
    run_steps(Stage::init, state);
    run_init(state);
  }
  if (init < 0) report(Ending::step_failed, errno, "make_namespaces");
  if (state.plan.proxy_port != 0) close(kProxyFd);
  signal(SIGPIPE, SIG_IGN);  // the harness may be gone; placeholders are still to be removed
  const int exit_code = init < 0 ? 126 : wait_for(init);
  remove_placeholders(state);
  return exit_code;
}

}  // namespace corvid::jail

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--probe") == 0) return corvid::jail::probe();
  if (argc != 1) {
    dprintf(2, "corvid-jail is started by corvid; corvid-jail --probe tells what works here\n");
    return 1;
  }
  return corvid::jail::run();
}
