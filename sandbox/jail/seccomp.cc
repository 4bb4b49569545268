// The filter of system calls: what sees into other processes, changes namespaces or mounts, or
// reaches parts of the kernel that builds and tests do not need. Everything else passes.
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/jail/steps.h"

namespace corvid::jail {
namespace {

constexpr const char* kDenied[] = {
    // other processes
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd",
    // namespaces and mounts
    "unshare", "setns", "mount", "umount", "umount2", "pivot_root", "chroot", "move_mount",
    "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "open_by_handle_at",
    "quotactl", "quotactl_fd", "fanotify_init",
    // asynchronous calls that no filter sees
    "io_uring_setup", "io_uring_enter", "io_uring_register",
    // the kernel itself
    "bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key", "kexec_load",
    "kexec_file_load", "init_module", "finit_module", "delete_module", "create_module", "reboot",
    "swapon", "swapoff", "syslog", "acct", "iopl", "ioperm", "modify_ldt", "vhangup",
    "lookup_dcookie", "nfsservctl", "uselib", "ustat", "vm86", "vm86old",
    // the machine's clock and name
    "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "stime", "sethostname",
    "setdomainname",
};

constexpr uint64_t kInt = 0xffffffff;  // the kernel looks at the lower half of an int argument

bool deny_calls(scmp_filter_ctx filter) {
  for (const char* name : kDenied) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) continue;  // newer or older than this libseccomp
    const int error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
    if (error != 0) return false;
  }
  return true;
}

// clone3 takes its flags from memory, where a filter cannot look: C libraries fall back to clone.
bool deny_namespaces(scmp_filter_ctx filter) {
  if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) != 0) return false;
  for (const uint64_t flag : {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWIPC, CLONE_NEWNET,
                              CLONE_NEWUTS, CLONE_NEWCGROUP}) {
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                         SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag)) != 0) {
      return false;
    }
  }
  return true;
}

// What is shared must be seen from outside: no process hides its files, and threads share theirs.
bool keep_files_visible(scmp_filter_ctx filter) {
  for (const uint64_t value : {0, 2}) {  // said to be done: ssh-agent ends when it is refused
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(0), SCMP_SYS(prctl), 2,
                         SCMP_A0(SCMP_CMP_MASKED_EQ, kInt, PR_SET_DUMPABLE),
                         SCMP_A1(SCMP_CMP_MASKED_EQ, kInt, value)) != 0) {
      return false;
    }
  }
  return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                          SCMP_A0(SCMP_CMP_MASKED_EQ, uint64_t{CLONE_THREAD} | CLONE_FILES,
                                  CLONE_THREAD)) == 0;
}

// Left: Unix, IPv4, IPv6, and netlink's routing protocol, with which C libraries list addresses.
bool deny_sockets(scmp_filter_ctx filter) {
  const uint32_t action = SCMP_ACT_ERRNO(EAFNOSUPPORT);
  const int call = SCMP_SYS(socket);
  for (uint64_t domain = 0; domain <= AF_NETLINK; ++domain) {
    if (domain == AF_UNIX || domain == AF_INET || domain == AF_INET6) continue;
    int error = 0;
    if (domain == AF_NETLINK) {
      error = seccomp_rule_add(filter, action, call, 2,
                               SCMP_A0(SCMP_CMP_MASKED_EQ, kInt, domain),
                               SCMP_A2(SCMP_CMP_NE, 0));
    } else {
      error = seccomp_rule_add(filter, action, call, 1,
                               SCMP_A0(SCMP_CMP_MASKED_EQ, kInt, domain));
    }
    if (error != 0) return false;
  }
  return seccomp_rule_add(filter, action, call, 1, SCMP_A0(SCMP_CMP_GT, AF_NETLINK)) == 0;
}

// Typing into somebody's terminal, an execution domain with weaker memory protection, and huge
// pages that are set aside, which no process's resident size tells of.
bool deny_arguments(scmp_filter_ctx filter) {
  constexpr uint64_t kSegmentOfHugePages = 04000;  // SHM_HUGETLB
  const uint32_t refused = SCMP_ACT_ERRNO(EPERM);
  if (seccomp_rule_add(filter, refused, SCMP_SYS(mmap), 1,
                       SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_HUGETLB, MAP_HUGETLB)) != 0 ||
      seccomp_rule_add(filter, refused, SCMP_SYS(memfd_create), 1,
                       SCMP_A1(SCMP_CMP_MASKED_EQ, MFD_HUGETLB, MFD_HUGETLB)) != 0 ||
      seccomp_rule_add(filter, refused, SCMP_SYS(shmget), 1,
                       SCMP_A2(SCMP_CMP_MASKED_EQ, kSegmentOfHugePages, kSegmentOfHugePages)) !=
          0) {
    return false;
  }
  for (const uint64_t request : {TIOCSTI, TIOCLINUX, TIOCCONS}) {
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                         SCMP_A1(SCMP_CMP_MASKED_EQ, kInt, request)) != 0) {
      return false;
    }
  }
  for (const uint64_t flag : {uint64_t{0x0400000}, uint64_t{0x0100000}}) {  // READ_IMPLIES_EXEC,
    // MMAP_PAGE_ZERO; asking (0xffffffff) has every bit, so the query is told apart by its top.
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(personality), 1,
                         SCMP_A0(SCMP_CMP_MASKED_EQ, 0x80000000 | flag, flag)) != 0) {
      return false;
    }
  }
  return true;
}

// A program with a set-user-id bit that a command leaves in the workspace would give its user's
// rights to everybody on the machine. openat2 takes the mode from memory; the kernel clears the
// bits of what it makes with the first byte that is written.
bool deny_id_bits(scmp_filter_ctx filter) {
  constexpr int kFchmodat2 = 452;  // newer than Debian 12's libseccomp
  constexpr uint64_t kTemporary = 020000000;  // O_TMPFILE without O_DIRECTORY
  const uint32_t action = SCMP_ACT_ERRNO(EPERM);
  for (const uint64_t bit : {uint64_t{S_ISUID}, uint64_t{S_ISGID}}) {
    for (const int call : {SCMP_SYS(chmod), SCMP_SYS(fchmod), SCMP_SYS(creat), SCMP_SYS(mknod)}) {
      const auto mode = SCMP_A1(SCMP_CMP_MASKED_EQ, bit, bit);
      if (seccomp_rule_add(filter, action, call, 1, mode) != 0) return false;
    }
    for (const int call : {SCMP_SYS(fchmodat), kFchmodat2, SCMP_SYS(mknodat)}) {
      const auto mode = SCMP_A2(SCMP_CMP_MASKED_EQ, bit, bit);
      if (seccomp_rule_add(filter, action, call, 1, mode) != 0) return false;
    }
    for (const uint64_t flag : {uint64_t{O_CREAT}, kTemporary}) {  // else the mode is no argument
      if (seccomp_rule_add(filter, action, SCMP_SYS(open), 2,
                           SCMP_A1(SCMP_CMP_MASKED_EQ, flag, flag),
                           SCMP_A2(SCMP_CMP_MASKED_EQ, bit, bit)) != 0 ||
          seccomp_rule_add(filter, action, SCMP_SYS(openat), 2,
                           SCMP_A2(SCMP_CMP_MASKED_EQ, flag, flag),
                           SCMP_A3(SCMP_CMP_MASKED_EQ, bit, bit)) != 0) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

std::vector<sock_filter> exported(scmp_filter_ctx filter) {
  std::vector<sock_filter> program;
  const int fd = memfd_create("filter", MFD_CLOEXEC);
  struct stat status = {};
  if (fd >= 0 && seccomp_export_bpf(filter, fd) == 0 && fstat(fd, &status) == 0) {
    program.resize(static_cast<size_t>(status.st_size) / sizeof(sock_filter));
    const ssize_t bytes = static_cast<ssize_t>(program.size() * sizeof(sock_filter));
    if (pread(fd, program.data(), static_cast<size_t>(bytes), 0) != bytes) program.clear();
  }
  if (fd >= 0) close(fd);
  return program;
}

std::vector<sock_filter> make_filter() {
  std::vector<sock_filter> program;
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr) return program;
  if (deny_calls(filter) && deny_namespaces(filter) && deny_sockets(filter) &&
      deny_arguments(filter) && deny_id_bits(filter) && keep_files_visible(filter)) {
    program = exported(filter);
  }
  seccomp_release(filter);
  return program;
}

int filter_system_calls(State& state) {
  const sock_fprog program = {static_cast<unsigned short>(state.filter.size()),
                              state.filter.data()};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 ? 0 : errno;
}

}  // namespace corvid::jail
