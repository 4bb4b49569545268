// Mount namespace: the command's file tree is built on an empty folder in memory from what the plan
// names, and everything else is left behind by pivot_root.
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/jail/steps.h"

// From <sys/mount.h>, which clashes with <linux/mount.h> in Debian 12.
extern "C" int mount(const char*, const char*, const char*, unsigned long, const void*) noexcept;
extern "C" int umount2(const char*, int) noexcept;

namespace corvid::jail {
namespace {

using Kind = MountOp::Kind;
constexpr unsigned long kRecursivePrivate = (1ul << 14) | (1ul << 18);  // MS_REC | MS_PRIVATE
constexpr int kDetach = 2;                                              // MNT_DETACH
constexpr uint64_t kSafe = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

int set_attributes(int fd, uint64_t attributes) {
  mount_attr attr = {};
  attr.attr_set = attributes;
  const unsigned flags = AT_EMPTY_PATH | AT_RECURSIVE;
  return syscall(SYS_mount_setattr, fd, "", flags, &attr, sizeof attr) == 0 ? 0 : errno;
}

// A new file system that is not mounted anywhere yet; -1 and errno on failure.
int new_file_system(const char* type, const char* const (*options)[2], uint64_t attributes) {
  const int context = static_cast<int>(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
  if (context < 0) return -1;
  bool ok = true;
  for (; options != nullptr && (*options)[0] != nullptr && ok; ++options) {
    const char* value = (*options)[1];
    const unsigned command = value != nullptr ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
    ok = syscall(SYS_fsconfig, context, command, (*options)[0], value, 0) == 0;
  }
  ok = ok && syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0;
  int fd = -1;
  if (ok) fd = static_cast<int>(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes));
  const int error = errno;
  close(context);
  errno = error;
  return fd;
}

int new_tmpfs(int64_t bytes, const char* mode) {
  char size[32];
  snprintf(size, sizeof size, "%lld", static_cast<long long>(bytes));
  const char* const options[][2] = {{"size", size}, {"mode", mode}, {nullptr, nullptr}};
  return new_file_system("tmpfs", options, kSafe);
}

// Of the place itself; -1 and errno on failure.
int open_plain(int root, const char* path) {
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(syscall(SYS_openat2, root, path, &how, sizeof how));
}

// A copy of the mounts at `path` beneath `root` (or of the host), not mounted anywhere yet.
int clone_tree(int root, const char* path) {
  const int at = open_plain(root, path);
  if (at < 0) return -1;
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE;
  const int tree = static_cast<int>(syscall(SYS_open_tree, at, "", flags));
  const int error = errno;
  close(at);
  errno = error;
  return tree;
}

// An overlay of the host's folders `op.source` and, seen through it, `op.below`.
int new_overlay(const MountOp& op) {
  const char* const names[] = {"upperdir", "workdir", "lowerdir"};
  const char* const paths[] = {op.source.c_str(), op.below_work.c_str(), op.below.c_str()};
  int folders[] = {-1, -1, -1};
  char places[3][32];  // whatever the paths hold, the file system reads no separators in these
  const char* options[5][2] = {};
  bool is_open = true;
  for (int i = 0; i < 3; ++i) {
    folders[i] = open_plain(AT_FDCWD, paths[i]);
    is_open = is_open && folders[i] >= 0;
    snprintf(places[i], sizeof places[i], "/proc/self/fd/%d", folders[i]);
    options[i][0] = names[i];
    options[i][1] = places[i];
  }
  options[3][0] = "userxattr";
  const int tree = is_open ? new_file_system("overlay", options, kSafe) : -1;
  const int error = errno;
  for (const int folder : folders) {
    if (folder >= 0) close(folder);
  }
  errno = error;
  return tree;
}

// Symbolic links in the target would lead the mount elsewhere.
int attach(int tree, int root, const char* target) {
  const int at = open_plain(root, target);
  if (at < 0) return errno;
  const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  const int error = syscall(SYS_move_mount, tree, "", at, "", flags) == 0 ? 0 : errno;
  close(at);
  return error;
}

int make_parents(int root, const char* path) {
  char prefix[4096];
  const size_t length = strlen(path);
  if (length >= sizeof prefix) return ENAMETOOLONG;
  for (size_t i = 1; i < length; ++i) {
    if (path[i] != '/') continue;
    memcpy(prefix, path, i);
    prefix[i] = '\0';
    if (mkdirat(root, prefix, 0755) != 0 && errno != EEXIST) return errno;
  }
  return 0;
}

int make_file(int root, const char* path, unsigned mode) {
  const int fd = openat(root, path, O_CREAT | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, mode);
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

// Mounts `tree` and closes it.
int place(int tree, int root, const char* target) {
  if (tree < 0) return errno;
  const int error = attach(tree, root, target);
  close(tree);
  return error;
}

int protect(int root, const char* target, uint64_t attributes) {
  const int tree = clone_tree(root, target);
  if (tree < 0) return errno;
  if (const int error = set_attributes(tree, attributes)) return error;
  return place(tree, root, target);
}

int hide_file(int root, const char* target) {
  constexpr const char* kEmpty = ".hidden";
  if (const int error = make_file(root, kEmpty, 0)) return error;
  const int tree = clone_tree(root, kEmpty);
  if (tree < 0) return errno;
  if (const int error = set_attributes(tree, kSafe | MOUNT_ATTR_RDONLY)) return error;
  return place(tree, root, target);
}

int apply(const State& state, const MountOp& op, int source) {
  const int root = state.root_fd;
  const char* target = op.target.c_str() + 1;  // relative to the new root
  switch (op.kind) {
    case Kind::dir:
      if (const int error = make_parents(root, target)) return error;
      return mkdirat(root, target, 0755) == 0 || errno == EEXIST ? 0 : errno;
    case Kind::file:
      if (const int error = make_parents(root, target)) return error;
      return make_file(root, target, 0600);
    case Kind::link:
      if (const int error = make_parents(root, target)) return error;
      return symlinkat(op.source.c_str(), root, target) == 0 ? 0 : errno;
    case Kind::read:
    case Kind::write:
    case Kind::device:
    case Kind::proc:
      return attach(source, root, target);
    case Kind::tmpfs:
    case Kind::mask:
      return place(new_tmpfs(op.bytes, "755"), root, target);
    case Kind::mask_file:
      return hide_file(root, target);
    case Kind::protect:
      return protect(root, target, kSafe | MOUNT_ATTR_RDONLY);
    case Kind::pin:
      return protect(root, target, kSafe);
    case Kind::pts: {
      const char* const options[][2] = {
          {"newinstance", nullptr}, {"ptmxmode", "0666"}, {"mode", "620"}, {nullptr, nullptr}};
      return place(new_file_system("devpts", options, MOUNT_ATTR_NOSUID), root, target);
    }
  }
  return EINVAL;
}

// Host paths are opened while the host's tree still is in view.
int open_sources(State& state) {
  for (size_t i = 0; i < state.plan.mounts.size(); ++i) {
    const MountOp& op = state.plan.mounts[i];
    state.detail = op.source.c_str();
    uint64_t attributes = kSafe;
    if (op.kind == Kind::proc) {
      state.detail = "a new /proc";
      state.source_fds[i] = new_file_system("proc", nullptr, kSafe | MOUNT_ATTR_NOEXEC);
      if (state.source_fds[i] < 0) return errno;
      continue;
    }
    if (op.kind == Kind::read) attributes |= MOUNT_ATTR_RDONLY;
    if (op.kind == Kind::device) attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
    if (op.kind != Kind::read && op.kind != Kind::write && op.kind != Kind::device) continue;
    state.source_fds[i] =
        op.below.empty() ? clone_tree(AT_FDCWD, op.source.c_str()) : new_overlay(op);
    if (state.source_fds[i] < 0) return errno;
    if (const int error = set_attributes(state.source_fds[i], attributes)) return error;
  }
  return 0;
}

// Makes the mount at `path` alone read-only, not what is mounted beneath it.
int close_mount(const char* path) {
  const int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno;
  mount_attr attr = {};
  attr.attr_set = MOUNT_ATTR_RDONLY;
  const long done = syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof attr);
  const int error = done == 0 ? 0 : errno;
  close(fd);
  return error;
}

}  // namespace

int build_tree(State& state) {
  state.detail = "making mounts private";
  if (mount(nullptr, "/", nullptr, kRecursivePrivate, nullptr) != 0) return errno;
  if (const int error = open_sources(state)) return error;
  state.detail = "a new root";
  state.root_fd = new_tmpfs(int64_t{16} << 20, "755");
  if (state.root_fd < 0) return errno;
  state.unruled_fd = new_tmpfs(65536, "700");
  if (state.unruled_fd < 0) return errno;
  // Any folder will do as its place for a moment; /proc is not among the sources.
  if (const int error = attach(state.root_fd, AT_FDCWD, "/proc")) return error;
  for (size_t i = 0; i < state.plan.mounts.size(); ++i) {
    const MountOp& op = state.plan.mounts[i];
    state.detail = op.target.c_str();
    if (op.target.empty()) continue;  // see make_placeholders
    if (const int error = apply(state, op, state.source_fds[i])) return error;
    if (state.source_fds[i] >= 0) close(state.source_fds[i]);
  }
  state.detail = "pivot_root";
  if (fchdir(state.root_fd) != 0) return errno;
  if (syscall(SYS_pivot_root, ".", ".") != 0) return errno;
  if (umount2(".", kDetach) != 0) return errno;
  if (chdir("/") != 0) return errno;
  for (const MountOp& op : state.plan.mounts) {
    if (op.kind != Kind::mask) continue;
    state.detail = op.target.c_str();
    if (const int error = close_mount(state.detail)) return error;
  }
  state.detail = "/";
  if (const int error = close_mount(state.detail)) return error;
  state.detail = nullptr;
  return 0;
}

// User 0 owns the files of /proc/sys even without a capability, core_pattern among them.
int close_proc(State&) { return close_mount("/proc"); }

int enter_cwd(State& state) {
  state.detail = state.plan.cwd.c_str();
  return chdir(state.detail) == 0 ? 0 : errno;
}

}  // namespace corvid::jail
