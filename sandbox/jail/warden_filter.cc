// The second filter of a command without namespaces. Landlock confines the opening and changing of
// files, and tracing; here is what it does not: sockets, shared memory, ownership, modes and times
// of files, signals and settings of other processes. What can be judged by its arguments the warden
// decides (calls.cc), the rest is refused.
#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/jail/pass_descriptor.h"
#include "sandbox/jail/steps.h"

namespace corvid::jail {
namespace {

constexpr uint64_t kInt = 0xffffffff;

struct Refusal {
  const char* name;
  uint32_t error;
};

constexpr Refusal kRefused[] = {
    // shared with the whole machine without an IPC namespace
    {"shmget", EPERM}, {"shmat", EPERM}, {"shmctl", EPERM}, {"msgget", EPERM}, {"msgctl", EPERM},
    {"msgsnd", EPERM}, {"msgrcv", EPERM}, {"semget", EPERM}, {"semctl", EPERM}, {"semop", EPERM},
    {"semtimedop", EPERM}, {"mq_open", EPERM}, {"mq_unlink", EPERM},
    // what belongs to a file beside its content
    {"chown", EPERM}, {"fchown", EPERM}, {"lchown", EPERM}, {"fchownat", EPERM},
    {"utime", EPERM}, {"utimes", EPERM}, {"futimesat", EPERM}, {"setxattr", ENOTSUP},
    {"lsetxattr", ENOTSUP}, {"fsetxattr", ENOTSUP}, {"removexattr", ENOTSUP},
    {"lremovexattr", ENOTSUP}, {"fremovexattr", ENOTSUP}, {"fanotify_mark", EPERM},
    // other processes
    {"move_pages", EPERM}, {"migrate_pages", EPERM}, {"process_mrelease", EPERM},
    {"rt_sigqueueinfo", EPERM}, {"rt_tgsigqueueinfo", EPERM}, {"sched_setattr", EPERM}};

// Newer than Debian 12's libseccomp; the same numbers on every architecture.
constexpr struct {
  int number;
  uint32_t error;
} kNewer[] = {{452, ENOSYS},    // fchmodat2: C libraries fall back to fchmodat
              {463, ENOTSUP},   // setxattrat
              {466, ENOTSUP},   // removexattrat
              {469, ENOSYS}};   // file_setattr

// The warden looks at these. Those with a process's number only where it is not 0, the caller. Not
// at what starts processes: a call that waits for its answer fails with EINTR when a signal with a
// handler comes, and a shell is told of its children's ends while it starts the next.
constexpr const char* kAsked[] = {"chmod", "fchmod", "fchmodat", "utimensat", "kill",
                                  "tkill", "tgkill", "pidfd_open", "setpriority", "ioprio_set"};
constexpr const char* kAskedOfOthers[] = {"prlimit64", "sched_setaffinity", "sched_setscheduler",
                                          "sched_setparam"};

bool add(scmp_filter_ctx filter, uint32_t action, const char* name) {
  const int number = seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR) return true;  // not of this architecture
  return seccomp_rule_add(filter, action, number, 0) == 0;
}

bool refuse_calls(scmp_filter_ctx filter) {
  for (const Refusal& refusal : kRefused) {
    if (!add(filter, SCMP_ACT_ERRNO(refusal.error), refusal.name)) {
      return false;
    }
  }
  for (const auto& refusal : kNewer) {
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(refusal.error), refusal.number, 0) != 0) {
      return false;
    }
  }
  return true;
}

// A pair of datagram sockets can still send to a path. Services listen on Unix sockets, so these
// stay closed where the network is open.
bool refuse_sockets(scmp_filter_ctx filter, bool allow_network) {
  const uint32_t action = SCMP_ACT_ERRNO(EACCES);
  if (seccomp_rule_add(filter, action, SCMP_SYS(socketpair), 1,
                       SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_DGRAM)) != 0) {
    return false;
  }
  if (allow_network) {
    return seccomp_rule_add(filter, action, SCMP_SYS(socket), 1,
                            SCMP_A0(SCMP_CMP_MASKED_EQ, kInt, AF_UNIX)) == 0;
  }
  for (const int call : {SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen)}) {
    if (seccomp_rule_add(filter, action, call, 0) != 0) return false;
  }
  return true;
}

// Flags and seals of files may be set through a descriptor that only reads. The groups of such
// requests: 'f' and 'X' of all file systems, 'v' their versions, 0x94 and 0xf5 single ones'.
bool refuse_requests(scmp_filter_ctx filter) {
  for (const uint64_t group : {uint64_t{'f'}, uint64_t{'X'}, uint64_t{'v'}, uint64_t{0x94},
                               uint64_t{0xf5}}) {
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                         SCMP_A1(SCMP_CMP_MASKED_EQ, 0xff00, group << 8)) != 0) {
      return false;
    }
  }
  return true;
}

bool ask_warden(scmp_filter_ctx filter) {
  for (const char* name : kAsked) {
    if (!add(filter, SCMP_ACT_NOTIFY, name)) return false;
  }
  for (const char* name : kAskedOfOthers) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) continue;
    if (seccomp_rule_add(filter, SCMP_ACT_NOTIFY, number, 1, SCMP_A0(SCMP_CMP_NE, 0)) != 0) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::vector<sock_filter> make_warden_filter(bool allow_network) {
  std::vector<sock_filter> program;
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr) return program;
  if (refuse_calls(filter) && refuse_sockets(filter, allow_network) && refuse_requests(filter) &&
      ask_warden(filter)) {
    program = exported(filter);
  }
  seccomp_release(filter);
  return program;
}

// The kernel takes the stricter answer of the two filters, and refusing is stricter than asking.
int filter_under_warden(State& state) {
  if (const int error = filter_system_calls(state)) return error;
  const sock_fprog program = {static_cast<unsigned short>(state.warden_filter.size()),
                              state.warden_filter.data()};
  // Since Linux 5.19 signals can wait until a call that the warden has begun is answered.
  constexpr unsigned kWaitKillable = 1u << 5;  // SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
  constexpr unsigned kFlags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
  long listener = -1;
  for (const unsigned flags : {kFlags | kWaitKillable, kFlags}) {
    listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (listener >= 0 || errno != EINVAL) break;
  }
  if (listener < 0) return errno;
  return send_descriptor(state.warden_fd, static_cast<int>(listener));
}

}  // namespace corvid::jail
