// What a command without namespaces asks the warden for. Arguments that are numbers are judged as
// they are; paths are read from the caller's memory once, and the warden itself does what was asked
// for, so that the caller can change nothing in between.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "sandbox/jail/process_tree.h"
#include "sandbox/jail/steps.h"

namespace corvid::jail {
namespace {

constexpr int kGoOn = -1;  // an answer beside 0 and an errno: the kernel makes the call as usual

struct Asked {
  int listener = -1;
  seccomp_notif call = {};
  int argument(int i) const { return static_cast<int>(call.data.args[i]); }
  uint64_t address(int i) const { return call.data.args[i]; }
  // The number of a process may have gone to another one when the caller has died.
  bool still_waits() const {
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call.id) == 0;
  }
};

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// `bytes` of the caller's memory, fewer at the end of a mapping; 0 when there are none.
size_t read_memory(const Asked& asked, uint64_t address, void* to, size_t bytes) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%u/mem", asked.call.pid);
  const File memory(open(path, O_RDONLY | O_CLOEXEC));
  if (memory.get() < 0 || !asked.still_waits()) return 0;
  size_t done = 0;
  while (done < bytes) {  // up to the end of the page at most: the next one may not exist
    constexpr uint64_t kPage = 4096;
    const size_t room = static_cast<size_t>(kPage - (address + done) % kPage);
    const ssize_t got = pread(memory.get(), static_cast<char*>(to) + done,
                              std::min(room, bytes - done), static_cast<off_t>(address + done));
    if (got <= 0) break;
    done += static_cast<size_t>(got);
    if (memchr(static_cast<char*>(to) + done - got, '\0', static_cast<size_t>(got)) != nullptr &&
        bytes == PATH_MAX) {
      break;
    }
  }
  return done;
}

// A file that the caller has open, or its working folder.
int open_of_caller(const Asked& asked, int fd) {
  char path[64];
  if (fd == AT_FDCWD) snprintf(path, sizeof path, "/proc/%u/cwd", asked.call.pid);
  else snprintf(path, sizeof path, "/proc/%u/fd/%d", asked.call.pid, fd);
  const int opened = open(path, O_PATH | O_CLOEXEC);
  if (opened < 0) return errno == ENOENT ? -EBADF : -errno;
  if (asked.still_waits()) return opened;
  close(opened);
  return -ESRCH;
}

// The number in "/proc/self/fd/N" and its like, which mean the caller's files, not the warden's;
// -1: another path.
int own_descriptor(const char* path) {
  for (const char* folder : {"/proc/self/fd/", "/proc/thread-self/fd/", "/dev/fd/"}) {
    const size_t length = strlen(folder);
    if (strncmp(path, folder, length) != 0) continue;
    char* end = nullptr;
    const long number = strtol(path + length, &end, 10);
    if (end != path + length && *end == '\0' && number >= 0 && number < INT_MAX) {
      return static_cast<int>(number);
    }
  }
  return -1;
}

// The file that a call names by folder and path, opened as O_PATH; or the negative errno.
int open_named(const Asked& asked, int folder_fd, uint64_t address, bool follow) {
  char path[PATH_MAX];
  const size_t got = read_memory(asked, address, path, sizeof path);
  if (got == 0) return -EFAULT;
  if (memchr(path, '\0', got) == nullptr) return -ENAMETOOLONG;
  if (path[0] == '\0') return -ENOENT;
  if (follow) {
    if (const int number = own_descriptor(path); number >= 0) return open_of_caller(asked, number);
  }
  const int folder = path[0] == '/' ? AT_FDCWD : open_of_caller(asked, folder_fd);
  if (folder < 0 && folder != AT_FDCWD) return folder;
  const int opened = openat(folder, path, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
  const int error = errno;
  if (folder >= 0) close(folder);
  return opened < 0 ? -error : opened;
}

// Whether the plan lets the command write where `fd` lies now.
bool is_writable(const State& state, int fd) {
  char link[64];
  char path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return false;
  const std::string_view place(path, static_cast<size_t>(length));
  for (const MountOp& op : state.plan.mounts) {
    if (op.kind != MountOp::Kind::write || !place.starts_with(op.target)) continue;
    if (place.size() == op.target.size() || place[op.target.size()] == '/') return true;
  }
  return false;
}

int change_mode(const State& state, int fd, int mode) {
  if (fd < 0) return -fd;
  const File file(fd);
  if (!is_writable(state, fd)) return EACCES;
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return chmod(path, static_cast<mode_t>(mode) & 01777) == 0 ? 0 : errno;
}

int change_times(const State& state, const Asked& asked) {
  constexpr int kKnown = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
  const int flags = asked.argument(3);
  if ((flags & ~kKnown) != 0) return EINVAL;
  timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
  if (asked.address(2) != 0 &&
      read_memory(asked, asked.address(2), times, sizeof times) != sizeof times) {
    return EFAULT;
  }
  char first = 'x';
  const bool has_path = asked.address(1) != 0;
  if (has_path && read_memory(asked, asked.address(1), &first, 1) != 1) return EFAULT;
  const bool is_named = has_path && !(first == '\0' && (flags & AT_EMPTY_PATH) != 0);
  const int fd = is_named ? open_named(asked, asked.argument(0), asked.address(1),
                                       (flags & AT_SYMLINK_NOFOLLOW) == 0)
                          : open_of_caller(asked, asked.argument(0));
  if (fd < 0) return -fd;
  const File file(fd);
  if (!is_writable(state, fd)) return EACCES;
  return utimensat(fd, "", times, AT_EMPTY_PATH) == 0 ? 0 : errno;
}

// A signal or a setting for a process of the command, or for the caller itself.
int for_process(int pid) {
  return pid == 0 || (pid > 0 && is_descendant(pid)) ? kGoOn : EPERM;
}

// Its own group is the caller's session's, which nothing else is in; -1 would be everybody.
int for_group(int group) {
  if (group == 0) return kGoOn;
  for (const TreeProcess& process : descendants()) {
    if (process.group == group) return kGoOn;
  }
  return ESRCH;
}

int judge(const State& state, const Asked& asked) {
  const int first = asked.argument(0);
  switch (asked.call.data.nr) {
#ifdef SYS_chmod
    case SYS_chmod:
      return change_mode(state, open_named(asked, AT_FDCWD, asked.address(0), true),
                         asked.argument(1));
#endif
    case SYS_fchmod:
      return change_mode(state, open_of_caller(asked, first), asked.argument(1));
    case SYS_fchmodat:
      return change_mode(state, open_named(asked, first, asked.address(1), true),
                         asked.argument(2));
    case SYS_utimensat: return change_times(state, asked);
    case SYS_kill:
      if (first == -1 || first == INT_MIN) return EPERM;
      return first > 0 ? for_process(first) : for_group(-first);
    case SYS_setpriority:
    case SYS_ioprio_set: {
      constexpr int kOneProcess[] = {PRIO_PROCESS, 1};  // IOPRIO_WHO_PROCESS
      const bool is_process =
          first == kOneProcess[asked.call.data.nr == SYS_setpriority ? 0 : 1];
      return is_process ? for_process(asked.argument(1)) : EPERM;
    }
    case SYS_tkill:
    case SYS_tgkill:
    case SYS_pidfd_open:
    case SYS_prlimit64:
    case SYS_sched_setaffinity:
    case SYS_sched_setscheduler:
    case SYS_sched_setparam: return for_process(first);
    default: return EPERM;
  }
}

}  // namespace

void answer_call(const State& state, int listener) {
  Asked asked;
  asked.listener = listener;
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked.call) != 0) return;  // its caller has died
  const int answer = judge(state, asked);
  seccomp_notif_resp response = {};
  response.id = asked.call.id;
  if (answer == kGoOn) response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  else response.error = -answer;
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

}  // namespace corvid::jail
