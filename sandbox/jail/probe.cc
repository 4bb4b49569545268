// corvid-jail --probe: which layers work. Where not all do, each is tried in a process of its own.
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

int mount_new(const char* type) {
  const long context = syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
  if (context < 0) return errno;
  if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return errno;
  return syscall(SYS_fsmount, context, 0, 0) >= 0 ? 0 : errno;
}

// A user namespace that may be made may still lack its capabilities (AppArmor on Ubuntu 24.04):
// mounting tells.
int new_mount_tree() {
  const int error = new_namespace(CLONE_NEWNS);
  return error != 0 ? error : mount_new("tmpfs");
}

// A container that covers parts of /proc forbids a new one.
int new_proc() {
  const int error = new_namespace(CLONE_NEWNS | CLONE_NEWPID);
  return error != 0 ? error : try_alone([] { return mount_new("proc"); });
}

int new_filter() {
  State state;
  state.filter = make_filter();
  if (state.filter.empty()) return EINVAL;
  if (const int error = forbid_new_privileges(state)) return error;
  return filter_system_calls(state);
}

// All of it in one process, which is several times as fast as one by one.
int everything() {
  const int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET;
  if (const int error = new_namespace(flags)) return error;
  if (const int error = mount_new("tmpfs")) return error;
  if (const int error = try_alone([] { return mount_new("proc"); })) return error;
  return new_filter();
}

void tell(const char* layer, int error, int value) {
  printf("%s %s %d\n", layer, error == 0 ? "ok" : "no", error == 0 ? value : error);
}

}  // namespace

int probe() {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  const bool is_whole = try_alone(everything) == 0;
  const auto tell_of = [&](const char* layer, auto attempt) {
    tell(layer, is_whole ? 0 : try_alone(attempt), 0);
  };
  tell_of("user", [] { return new_namespace(0); });
  tell_of("mount", new_mount_tree);
  tell_of("pid", [] { return new_namespace(CLONE_NEWPID); });
  tell_of("proc", new_proc);
  tell_of("ipc", [] { return new_namespace(CLONE_NEWIPC); });
  tell_of("network", [] { return new_namespace(CLONE_NEWNET); });
  errno = 0;
  const int abi = landlock_abi();
  tell("landlock", abi > 0 ? 0 : errno, abi);
  tell_of("seccomp", new_filter);
  return 0;
}

}  // namespace corvid::jail
