#include "sandbox/launch/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/base/error.h"
#include "sandbox/jail/plan.h"

namespace corvid::sandbox {
namespace {

using Instant = std::chrono::steady_clock::time_point;
constexpr std::chrono::seconds kGrace{5};  // between SIGTERM and SIGKILL
constexpr int kHighFd = 16;  // above every number that the program is started with
constexpr size_t kPieceBytes = 65536;

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Pipe make_pipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) fail_errno("pipe");
  return {Descriptor(fds[0]), Descriptor(fds[1])};
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// File actions and attributes of posix_spawn, with an owner.
class SpawnSettings {
 public:
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                               POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  // `fd` becomes `number` in the program.
  void pass(int fd, int number) {
    const int high = fcntl(fd, F_DUPFD_CLOEXEC, kHighFd);
    if (high < 0) fail_errno("dup");
    copies_.emplace_back(high);
    posix_spawn_file_actions_adddup2(&actions_, high, number);
  }

  pid_t spawn(const Launch& launch) {
    if (!launch.cwd.empty()) posix_spawn_file_actions_addchdir_np(&actions_, launch.cwd.c_str());
    pid_t pid = -1;
    const int error = posix_spawn(&pid, launch.program.c_str(), &actions_, &attributes_,
                                  pointers(launch.argv).data(),
                                  pointers(launch.environment).data());
    if (error != 0) {
      fail(Code::io, "cannot start " + launch.program + ": " + strerror(error));
    }
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
  std::vector<Descriptor> copies_;
};

class Collector {
 public:
  Collector(const Launch& launch, Outcome& outcome) : launch_(launch), outcome_(outcome) {}

  // Reads once; false at the end of the file. Beyond the limit it reads on and drops.
  bool read_from(int fd) {
    const ssize_t got = read(fd, buffer_, sizeof buffer_);
    if (got < 0) return errno == EINTR || errno == EAGAIN;
    if (got == 0) return false;
    if (!launch_.collect_output) {
      if (launch_.on_output) launch_.on_output({buffer_, static_cast<size_t>(got)});
      return true;
    }
    const size_t room = static_cast<size_t>(launch_.output_bytes_max) - outcome_.output.size();
    const size_t kept = std::min(room, static_cast<size_t>(got));
    outcome_.truncated |= kept < static_cast<size_t>(got);
    outcome_.output.append(buffer_, kept);
    if (kept > 0 && launch_.on_output) launch_.on_output({buffer_, kept});
    return true;
  }

 private:
  const Launch& launch_;
  Outcome& outcome_;
  char buffer_[kPieceBytes];
};

// Ends the program politely, then for good.
class Terminator {
 public:
  explicit Terminator(pid_t pid) : pid_(pid) {}
  bool has_begun() const { return has_begun_; }
  void begin() {
    has_begun_ = true;
    kill_at_ = std::chrono::steady_clock::now() + kGrace;
    kill(-pid_, SIGTERM);
  }
  void insist() {
    if (has_begun_ && std::chrono::steady_clock::now() >= kill_at_) kill(-pid_, SIGKILL);
  }

 private:
  pid_t pid_;
  bool has_begun_ = false;
  Instant kill_at_;
};

// Collects output until the program has ended, minding time and stop requests.
void supervise(pid_t pid, int output_fd, int stop_fd, const Launch& launch,
               Outcome& outcome) {
  const Descriptor end(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (end.get() < 0) fail_errno("pidfd_open");
  const Instant deadline = std::chrono::steady_clock::now() + launch.time_max;
  Collector collector(launch, outcome);
  Terminator terminator(pid);
  bool has_output = true;
  for (;;) {
    const Instant now = std::chrono::steady_clock::now();
    int64_t wait_ms = std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
    if (terminator.has_begun()) wait_ms = 50;
    pollfd fds[3] = {{end.get(), POLLIN, 0},
                     {has_output ? output_fd : -1, POLLIN, 0},
                     {terminator.has_begun() ? -1 : stop_fd, POLLIN, 0}};
    const int ready = poll(fds, 3, static_cast<int>(std::clamp<int64_t>(wait_ms, 0, 60'000)));
    if (ready < 0 && errno != EINTR) fail_errno("poll");
    if (ready > 0 && fds[1].revents != 0) has_output = collector.read_from(output_fd);
    if (ready > 0 && fds[0].revents != 0) break;
    if (!terminator.has_begun()) {
      outcome.cancelled = ready > 0 && fds[2].revents != 0;
      outcome.timed_out = !outcome.cancelled && std::chrono::steady_clock::now() >= deadline;
      if (outcome.cancelled || outcome.timed_out) terminator.begin();
    }
    terminator.insist();
  }
  // What it wrote last may still lie in the pipe. Whoever else holds the pipe is not waited for.
  while (has_output) {
    pollfd rest = {output_fd, POLLIN, 0};
    if (poll(&rest, 1, 0) <= 0) break;
    has_output = collector.read_from(output_fd);
  }
}

// The first report, and the end of file that says that no process of the jail is left.
void read_status(int fd, Ended& ended) {
  for (;;) {
    pollfd ready = {fd, POLLIN, 0};
    if (poll(&ready, 1, static_cast<int>(std::chrono::milliseconds(kGrace).count())) <= 0) return;
    jail::Status status;
    const ssize_t got = read(fd, &status, sizeof status);
    if (got != static_cast<ssize_t>(sizeof status)) return;
    status.text[sizeof status.text - 1] = '\0';
    if (!ended.status) ended.status = status;
  }
}

void take_wait_status(int wait_status, Outcome& outcome) {
  if (WIFEXITED(wait_status)) outcome.exit_code = WEXITSTATUS(wait_status);
  if (WIFSIGNALED(wait_status)) {
    outcome.signal = WTERMSIG(wait_status);
    outcome.exit_code = 128 + outcome.signal;
  }
  if (outcome.timed_out) outcome.exit_code = 124;
  if (outcome.cancelled) outcome.exit_code = 130;
}

Descriptor make_input(const std::string& text) {
  if (text.empty()) return Descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Descriptor file = memory_file("stdin", text);
  // Opened anew so that the command cannot write to it.
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  return Descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace

Descriptor::~Descriptor() { reset(); }

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.fd_;
    other.fd_ = -1;
  }
  return *this;
}

void Descriptor::reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

Descriptor memory_file(const char* name, std::string_view content) {
  Descriptor file(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (file.get() < 0) fail_errno("memfd_create");
  for (size_t done = 0; done < content.size();) {
    const ssize_t put = write(file.get(), content.data() + done, content.size() - done);
    if (put <= 0) fail_errno("writing a file in memory");
    done += static_cast<size_t>(put);
  }
  if (lseek(file.get(), 0, SEEK_SET) != 0) fail_errno("lseek");
  Descriptor high(fcntl(file.get(), F_DUPFD_CLOEXEC, kHighFd));
  if (high.get() < 0) fail_errno("dup");
  return high;
}

Launch launch_of(const Command& command, const Profile& profile) {
  Launch launch;
  launch.stdin_text = command.stdin_text;
  launch.stdin_fd = command.stdin_fd;
  launch.collect_output = command.collect_output;
  launch.output_bytes_max = profile.output_bytes_max;
  launch.time_max = profile.time_max;
  launch.on_output = command.on_output;
  return launch;
}

Ended run_process(const Launch& launch, std::stop_token stop) {
  Ended ended;
  Pipe output = make_pipe();
  Pipe status = make_pipe();
  Pipe lifeline = make_pipe();
  const Descriptor stopped(eventfd(0, EFD_CLOEXEC));
  const Descriptor input = make_input(launch.stdin_text);
  if (stopped.get() < 0 || input.get() < 0) fail_errno("preparing a command");
  const std::stop_callback on_stop(stop, [&] {
    if (eventfd_write(stopped.get(), 1) != 0) return;  // full: it says so already
  });
  pid_t pid = -1;
  {
    SpawnSettings settings;
    settings.pass(launch.stdin_fd >= 0 ? launch.stdin_fd : input.get(), 0);
    settings.pass(output.write.get(), 1);
    settings.pass(output.write.get(), 2);
    Descriptor plan;
    if (launch.plan) {
      plan = memory_file("plan", *launch.plan);
      settings.pass(plan.get(), jail::kPlanFd);
      settings.pass(status.write.get(), jail::kStatusFd);
      settings.pass(lifeline.read.get(), jail::kLifelineFd);
      if (launch.proxy_fd >= 0) settings.pass(launch.proxy_fd, jail::kProxyFd);
    }
    pid = settings.spawn(launch);
  }
  output.write.reset();
  status.write.reset();
  lifeline.read.reset();
  supervise(pid, output.read.get(), stopped.get(), launch, ended.outcome);
  kill(-pid, SIGKILL);  // what it left in its group; its number is still taken
  int wait_status = 0;
  while (waitpid(pid, &wait_status, 0) < 0) {
    if (errno != EINTR) fail_errno("waitpid");
  }
  take_wait_status(wait_status, ended.outcome);
  if (launch.plan) read_status(status.read.get(), ended);
  return ended;
}

}  // namespace corvid::sandbox
