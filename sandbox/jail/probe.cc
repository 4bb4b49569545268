// corvid-jail --probe: each layer alone, in a process of its own.
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/jail/steps.h"

namespace corvid::jail {
namespace {

// The errno with which `attempt` ended, in a child process.
template <typename Attempt>
int try_alone(Attempt attempt) {
  const pid_t child = fork();
  if (child == 0) _exit(attempt());
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return errno;
  return WIFEXITED(status) ? WEXITSTATUS(status) : EFAULT;
}

int new_namespace(int flags) { return unshare(CLONE_NEWUSER | flags) == 0 ? 0 : errno; }

// A user namespace that may be made may still lack its capabilities (AppArmor on Ubuntu 24.04):
// mounting tells.
int new_mount_tree() {
  if (const int error = new_namespace(CLONE_NEWNS)) return error;
  const long context = syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
  if (context < 0) return errno;
  if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return errno;
  return syscall(SYS_fsmount, context, 0, 0) >= 0 ? 0 : errno;
}

// A container that covers parts of /proc forbids a new one.
int new_proc() {
  if (const int error = new_namespace(CLONE_NEWNS | CLONE_NEWPID)) return error;
  const pid_t child = fork();
  if (child == 0) {
    const long context = syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC);
    if (context < 0) _exit(errno);
    if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
      _exit(errno);
    }
    _exit(syscall(SYS_fsmount, context, 0, 0) >= 0 ? 0 : errno);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return errno;
  return WIFEXITED(status) ? WEXITSTATUS(status) : EFAULT;
}

int new_filter() {
  State state;
  state.filter = make_filter();
  if (state.filter.empty()) return EINVAL;
  if (const int error = forbid_new_privileges(state)) return error;
  return filter_system_calls(state);
}

void tell(const char* layer, int error, int value) {
  printf("%s %s %d\n", layer, error == 0 ? "ok" : "no", error == 0 ? value : error);
}

}  // namespace

int probe() {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  tell("user", try_alone([] { return new_namespace(0); }), 0);
  tell("mount", try_alone(new_mount_tree), 0);
  tell("pid", try_alone([] { return new_namespace(CLONE_NEWPID); }), 0);
  tell("proc", try_alone(new_proc), 0);
  tell("ipc", try_alone([] { return new_namespace(CLONE_NEWIPC); }), 0);
  tell("network", try_alone([] { return new_namespace(CLONE_NEWNET); }), 0);
  errno = 0;
  const int abi = landlock_abi();
  tell("landlock", abi > 0 ? 0 : errno, abi);
  tell("seccomp", try_alone(new_filter), 0);
  return 0;
}

}  // namespace corvid::jail
