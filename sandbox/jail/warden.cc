// The process above a command without namespaces: it adopts what the command leaves, answers its
// filter, watches memory and processes, and ends all of them.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "sandbox/jail/pass_descriptor.h"
#include "sandbox/jail/process_tree.h"
#include "sandbox/jail/steps.h"

namespace corvid::jail {
namespace {

constexpr int kLookEveryMs = 20;
constexpr std::chrono::milliseconds kBrakeEvery(5);

long resident_bytes(const std::vector<TreeProcess>& processes) {
  long bytes = 0;
  for (const TreeProcess& process : processes) bytes += process.resident_bytes;
  return bytes;
}

long exact_bytes(const std::vector<TreeProcess>& processes) {
  long bytes = 0;
  for (const TreeProcess& process : processes) {
    char folder[32];
    snprintf(folder, sizeof folder, "/proc/%d", process.pid);
    const long exact = read_shared_out_bytes(AT_FDCWD, folder);
    bytes += exact >= 0 ? exact : process.resident_bytes;
  }
  return bytes;
}

int64_t now_ms() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

// Since Linux 6.12 a thread with a short slice is run soon after it wakes, also among hundreds of
// new ones; older kernels refuse or ignore it.
void ask_for_early_turns() {
  struct {  // sched_attr of <linux/sched/types.h>, which <sched.h> cannot stand beside
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns;
    uint64_t deadline_ns;
    uint64_t period_ns;
  } wanted = {};
  if (syscall(SYS_sched_getattr, 0, &wanted, sizeof wanted, 0) != 0) return;
  wanted.runtime_ns = 100'000;  // the least
  syscall(SYS_sched_setattr, 0, &wanted, 0);
}

// User 0 has no limit of tasks in the kernel, and among a fork bomb's thousands it takes seconds to
// count them. So a thread that does next to nothing, and therefore is run at once, looks at how
// many the machine has, and stops the command's group when these may be too many until they are
// counted. A group is stopped as a whole, however many and busy its members are.
class Brake {
 public:
  Brake(pid_t group, long tasks_max)
      : group_(group), tasks_max_(tasks_max), watcher_([this] { watch(); }) {}
  ~Brake() {
    release();
    watcher_.join();
  }
  Brake(const Brake&) = delete;
  Brake& operator=(const Brake&) = delete;

  // The group has `task_count`, and may go on. Without the lock: what has just been let go may keep
  // this thread from its turn, and the watcher must not wait for that.
  void go_on(long task_count) {
    others_ = count_tasks() - task_count;
    if (is_stopped_.exchange(false)) kill(-group_, SIGCONT);
  }

  // Ends the group. Before its first process is reaped: until then the number is its own.
  void release() {
    if (!is_released_) kill(-group_, SIGKILL);
    const std::lock_guard lock(mutex_);
    is_released_ = true;
    woken_.notify_one();
  }

 private:
  void watch() {
    ask_for_early_turns();
    std::unique_lock lock(mutex_);
    while (!woken_.wait_for(lock, kBrakeEvery, [this] { return is_released_; })) {
      if (count_tasks() - others_ <= tasks_max_) continue;
      kill(-group_, SIGSTOP);
      is_stopped_ = true;
    }
  }

  const pid_t group_;
  const long tasks_max_;
  std::atomic<long> others_ = count_tasks();  // of the machine, but for the group's
  std::atomic<bool> is_stopped_ = false;
  std::mutex mutex_;
  bool is_released_ = false;
  std::condition_variable woken_;
  std::thread watcher_;
};

class Warden {
 public:
  Warden(State& state, pid_t command, int signals, int channel)
      : state_(state), brake_(command, state.plan.processes_max), command_(command),
        signals_(signals), channel_(channel) {}

  int run() {
    for (;;) {
      pollfd fds[] = {{signals_, POLLIN, 0},
                      {kLifelineFd, POLLIN, 0},
                      {channel_, POLLIN, 0},
                      {listener_, POLLIN, 0}};
      const int ready = poll(fds, 4, kLookEveryMs);
      if (ready < 0 && errno != EINTR) return end(126);
      if (fds[1].revents != 0 || is_told_to_end()) return end(126);
      if (fds[2].revents != 0) take_listener();
      if ((fds[3].revents & POLLIN) != 0) answer_call(state_, listener_);
      if ((fds[3].revents & POLLIN) == 0 && fds[3].revents != 0) listener_ = -1;  // nobody has it
      if (has_ended()) return 0;
      if (is_time_to_look() && exceeds_limits()) return end(0);
    }
  }

 private:
  int end(int exit_status) {
    brake_.release();
    end_descendants();
    return exit_status;
  }

  bool is_told_to_end() {
    signalfd_siginfo signal;
    bool is_told = false;
    while (read(signals_, &signal, sizeof signal) == sizeof signal) {
      is_told |= signal.ssi_signo == SIGTERM;
    }
    return is_told;
  }

  void take_listener() {
    listener_ = receive_descriptor(channel_);
    close(channel_);
    channel_ = -1;
  }

  // Reaps. When the command itself has ended: ends what it left, and reports.
  bool has_ended() {
    siginfo_t ended = {};
    for (;;) {
      ended.si_pid = 0;
      if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) {
        return false;
      }
      if (ended.si_pid == command_) break;
      waitpid(ended.si_pid, nullptr, 0);
    }
    long left_count = 0;
    for (const TreeProcess& process : descendants()) {
      if (process.state != 'Z') left_count += process.threads;
    }
    brake_.release();
    end_descendants();
    char left[24];
    snprintf(left, sizeof left, "%ld", left_count);
    // 126 after a failed step or exec: the child has reported already, and the first report counts.
    report(ended.si_code == CLD_EXITED ? Ending::exited : Ending::killed, ended.si_status, left);
    return true;
  }

  // However many calls are to be answered, and however many processes the machine has.
  bool is_time_to_look() const { return now_ms() >= look_at_ms_; }

  bool exceeds_limits() {
    const Plan& plan = state_.plan;
    const int64_t begin_ms = now_ms();
    const std::vector<TreeProcess> processes = descendants();
    const int64_t end_ms = now_ms();
    look_at_ms_ = end_ms + std::max<int64_t>(kLookEveryMs, end_ms - begin_ms);
    long task_count = 0;
    for (const TreeProcess& process : processes) task_count += process.threads;
    if (task_count > plan.processes_max) {
      report(Ending::processes_exceeded, 0);
      return true;
    }
    brake_.go_on(task_count);
    look_at(processes);
    const long left = plan.memory_bytes_max - shared_.bytes();
    if (resident_bytes(processes) <= left) return false;
    const long exact = exact_bytes(processes);
    if (exact <= left || exact - counted_twice(processes) <= left) return false;
    report(Ending::memory_exceeded, 0);
    return true;
  }

  long counted_twice(const std::vector<TreeProcess>& processes) const {
    long bytes = 0;
    char folder[32];
    for (const TreeProcess& process : processes) {
      snprintf(folder, sizeof folder, "/proc/%d", process.pid);
      bytes += shared_.counted_twice(AT_FDCWD, folder, nullptr, 0);
    }
    return bytes;
  }

  // There are no System V segments here: the filter refuses them.
  void look_at(const std::vector<TreeProcess>& processes) {
    if (!shared_.is_due()) return;
    shared_.begin();
    char folder[32];
    for (const bool is_mapped : {false, true}) {
      for (const TreeProcess& process : processes) {
        snprintf(folder, sizeof folder, "/proc/%d", process.pid);
        is_mapped ? shared_.add_mapped(AT_FDCWD, folder) : shared_.add(AT_FDCWD, folder);
      }
    }
    shared_.end(AT_FDCWD, nullptr);
  }

  State& state_;
  Brake brake_;
  SharedMemory shared_;
  pid_t command_;
  int signals_;
  int channel_;
  int listener_ = -1;
  int64_t look_at_ms_ = 0;
};

}  // namespace

int adopt_orphans(State& state) {
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return errno;
  state.tasks_before = count_tasks_of(state.uid);
  return prctl(PR_SET_DUMPABLE, 0) == 0 ? 0 : errno;
}

int run_warden(State& state) {
  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigaddset(&signals, SIGTERM);
  const int signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  int channel[2] = {-1, -1};
  if (signal_fd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0) {
    report(Ending::step_failed, errno, "warden");
    return 126;
  }
  const pid_t command = fork();
  if (command == 0) {
    state.warden_fd = channel[1];
    execute(state, Stage::inmate);
  }
  if (command < 0) {
    report(Ending::step_failed, errno, "fork");
    return 126;
  }
  close(channel[1]);
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nothing >= 0) {
    for (int fd = 0; fd <= 2; ++fd) dup2(nothing, fd);
  }
  return Warden(state, command, signal_fd, channel[0]).run();
}

}  // namespace corvid::jail
