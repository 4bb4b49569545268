// User namespace: the command keeps its user and group id, and no other id exists.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sandbox/jail/steps.h"

namespace corvid::jail {
int write_text(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = write(fd, text, strlen(text)) < 0 ? errno : 0;
  close(fd);
  return error;
}

// Only root may drop supplementary groups; an ordinary user keeps its own.
int drop_groups(State& state) {
  state.uid = getuid();
  state.gid = getgid();
  if (state.uid == 0 && setgroups(0, nullptr) != 0 && errno != EPERM) return errno;
  return 0;
}

int map_identity(State& state) {
  char map[64];
  state.detail = "/proc/self/setgroups";
  if (const int error = write_text(state.detail, "deny")) return error;
  state.detail = "/proc/self/uid_map";
  snprintf(map, sizeof map, "%u %u 1", state.uid, state.uid);
  if (const int error = write_text(state.detail, map)) return error;
  state.detail = "/proc/self/gid_map";
  snprintf(map, sizeof map, "%u %u 1", state.gid, state.gid);
  if (const int error = write_text(state.detail, map)) return error;
  state.detail = nullptr;
  if (getuid() != state.uid || getgid() != state.gid) return EPERM;
  return 0;
}

int namespace_flags(bool allow_network) {
  int flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
              CLONE_NEWCGROUP;
  if (!allow_network) flags |= CLONE_NEWNET;
  return flags;
}

// The command cannot look into init: its memory, environment and descriptors are out of reach.
int hide_init(State&) {
  return prctl(PR_SET_DUMPABLE, 0) == 0 ? 0 : errno;
}

}  // namespace corvid::jail
