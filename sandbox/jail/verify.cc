// A step that was accepted may still not hold: look before the command runs.
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/jail/steps.h"

namespace corvid::jail {
namespace {

bool has_capabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  if (syscall(SYS_capget, &header, sets) != 0) return true;
  for (const __user_cap_data_struct& set : sets) {
    if ((set.effective | set.permitted | set.inheritable) != 0) return true;
  }
  return false;
}

bool can_gain_capabilities() {
  return prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 0 ||
         prctl(PR_CAPBSET_READ, CAP_DAC_OVERRIDE, 0, 0, 0) != 0;
}

}  // namespace

int verify(State& state) {
  state.detail = "process namespace";
  if (getppid() != 1) return EPERM;
  state.detail = "capabilities";
  if (has_capabilities() || can_gain_capabilities()) return EPERM;
  state.detail = "no_new_privs";
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return EPERM;
  state.detail = "seccomp";
  if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_FILTER) return EPERM;
  if (unshare(CLONE_NEWUSER) == 0 || errno != EPERM) return EPERM;
  // No rule names this folder, and nothing but Landlock forbids writing in it.
  state.detail = "Landlock";
  if (mkdirat(state.unruled_fd, "written", 0700) == 0 || errno != EACCES) return EPERM;
  state.detail = "root folder";
  if (mkdir("/written", 0700) == 0) return EPERM;
  state.detail = nullptr;
  return 0;
}

int verify_inmate(State& state) {
  state.detail = "capabilities";
  if (has_capabilities() || (state.uid == 0 && can_gain_capabilities())) return EPERM;
  state.detail = "no_new_privs";
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return EPERM;
  state.detail = "seccomp";
  if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_FILTER) return EPERM;
  if (unshare(CLONE_NEWUSER) == 0 || errno != EPERM) return EPERM;
  if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EACCES) return EPERM;
  state.detail = "the warden";
  if (kill(getppid(), 0) == 0 || errno != EPERM) return EPERM;
  state.detail = "Landlock";
  const std::string& unruled = state.plan.unruled;
  if (open(unruled.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0 || errno != EACCES) {
    return EPERM;
  }
  if (mkdir("/written", 0700) == 0) return EPERM;
  state.detail = nullptr;
  return 0;
}

}  // namespace corvid::jail
