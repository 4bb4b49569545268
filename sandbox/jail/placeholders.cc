// A protected path that does not exist gets an empty folder for the time of the run, because only
// something that exists can be mounted over.
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/jail/steps.h"

namespace corvid::jail {
namespace {

// The folder that holds `path`, reached without following a symbolic link; -1 and errno otherwise.
int open_parent(const char* path, const char** name) {
  char parent[4096];
  const char* slash = strrchr(path, '/');
  if (slash == nullptr || static_cast<size_t>(slash - path) >= sizeof parent) {
    errno = EINVAL;
    return -1;
  }
  const size_t length = slash == path ? 1 : static_cast<size_t>(slash - path);
  memcpy(parent, path, length);
  parent[length] = '\0';
  *name = slash + 1;
  open_how how = {};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(syscall(SYS_openat2, AT_FDCWD, parent, &how, sizeof how));
}

// Whether nobody in the sandbox can make anything in `folder` either: it is on a read-only file
// system, or it belongs to somebody else, so that its mode cannot be changed.
bool stays_closed(int folder, int error) {
  struct stat status = {};
  if (error == EROFS) return true;
  return error == EACCES && fstat(folder, &status) == 0 && status.st_uid != geteuid();
}

// Takes what would close `path` off the plan. False where the command sees it at another path.
bool drop_protection(Plan& plan, const std::string& path) {
  bool is_found = false;
  for (MountOp& op : plan.mounts) {
    if (op.kind != MountOp::Kind::protect || op.target != path) continue;
    op.target.clear();
    is_found = true;
  }
  return is_found;
}

}  // namespace

int make_placeholders(State& state) {
  for (const std::string& path : state.plan.placeholders) {
    state.detail = path.c_str();
    const char* name = nullptr;
    const int parent = open_parent(path.c_str(), &name);
    if (parent < 0) return errno;
    const int error = mkdirat(parent, name, 0700) == 0 ? 0 : errno;
    const bool is_closed = error != 0 && stays_closed(parent, error);
    close(parent);
    if (is_closed && drop_protection(state.plan, path)) continue;
    // Another run of the same workspace may have made it; whoever ends last removes it.
    if (error != 0 && error != EEXIST) return error;
  }
  return 0;
}

void remove_placeholders(State& state) {
  for (auto path = state.plan.placeholders.rbegin(); path != state.plan.placeholders.rend();
       ++path) {
    const char* name = nullptr;
    const int parent = open_parent(path->c_str(), &name);
    if (parent < 0) continue;
    unlinkat(parent, name, AT_REMOVEDIR);  // fails when somebody put something in: theirs now
    close(parent);
  }
}

}  // namespace corvid::jail
