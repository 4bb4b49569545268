// Landlock: a second, independent wall around files. Everything in the tree may be read, only the
// writable places written. Constants are our own: Debian 12's headers are older than its users'
// kernels.
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/jail/steps.h"

namespace corvid::jail {
namespace {

constexpr long kCreateRuleset = 444;  // the same number on every architecture
constexpr long kAddRule = 445;
constexpr long kRestrictSelf = 446;
constexpr uint32_t kVersionFlag = 1;
constexpr int kPathBeneath = 1;

constexpr uint64_t kExecute = 1u << 0, kWriteFile = 1u << 1, kReadFile = 1u << 2,
                   kReadDir = 1u << 3, kRefer = 1u << 13, kTruncate = 1u << 14,
                   kIoctlDev = 1u << 15;
constexpr uint64_t kReadAll = kExecute | kReadFile | kReadDir;
// Remove, and make regular files, folders, sockets, fifos and links; not device nodes (6 and 11).
constexpr uint64_t kChange = 0x1fffu & ~kReadAll & ~(1u << 6) & ~(1u << 11);
constexpr uint64_t kFileRights = kExecute | kWriteFile | kReadFile | kTruncate | kIoctlDev;
constexpr uint64_t kScopeAbstractSocket = 1, kScopeSignal = 2;

struct RulesetAttr {  // ABI 6; older kernels accept it when the fields that they lack are zero
  uint64_t handled_files;
  uint64_t handled_network;
  uint64_t scoped;
};

struct __attribute__((packed)) PathBeneathAttr {
  uint64_t allowed;
  int32_t parent_fd;
};

uint64_t handled_by(int abi) {
  uint64_t handled = 0x1fffu;
  if (abi >= 2) handled |= kRefer;
  if (abi >= 3) handled |= kTruncate;
  if (abi >= 5) handled |= kIoctlDev;
  return handled;
}

int allow(int ruleset, const char* path, uint64_t rights, uint64_t handled) {
  const int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return errno;
  struct stat status = {};
  int error = fstat(fd, &status) == 0 ? 0 : errno;
  if (!S_ISDIR(status.st_mode)) rights &= kFileRights;
  const PathBeneathAttr rule = {rights & handled, fd};
  if (error == 0 && syscall(kAddRule, ruleset, kPathBeneath, &rule, 0) != 0) error = errno;
  close(fd);
  return error;
}

int add_rules(State& state, int ruleset, uint64_t handled) {
  constexpr uint64_t kWritable = kReadAll | kWriteFile | kChange | kRefer | kTruncate;
  // The tree of a mount namespace holds nothing that may not be read.
  state.detail = "/";
  if (!state.plan.is_staged) {
    if (const int error = allow(ruleset, "/", kReadAll, handled)) return error;
  }
  for (const MountOp& op : state.plan.mounts) {
    state.detail = op.target.c_str();
    uint64_t rights = 0;
    if (state.plan.is_staged && op.kind == MountOp::Kind::read) rights = kReadAll;
    if (op.kind == MountOp::Kind::write || op.kind == MountOp::Kind::tmpfs) rights = kWritable;
    if (op.kind == MountOp::Kind::device || op.kind == MountOp::Kind::pts) {
      rights = kReadFile | kReadDir | kWriteFile | kIoctlDev;
    }
    if (rights == 0) continue;
    if (const int error = allow(ruleset, state.detail, rights, handled)) return error;
  }
  state.detail = nullptr;
  return 0;
}

}  // namespace

int landlock_abi() {
  const long abi = syscall(kCreateRuleset, nullptr, 0, kVersionFlag);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

int restrict_files(State& state) {
  constexpr int kStagedAbi = 3;  // earlier ones let a command cut off files that it may only read
  if (state.landlock_abi < (state.plan.is_staged ? kStagedAbi : 1)) return ENOSYS;
  RulesetAttr attr = {};
  attr.handled_files = handled_by(state.landlock_abi);
  if (state.landlock_abi >= 6) attr.scoped = kScopeAbstractSocket | kScopeSignal;
  const size_t size = state.landlock_abi >= 6 ? sizeof attr : sizeof attr.handled_files;
  const int ruleset = static_cast<int>(syscall(kCreateRuleset, &attr, size, 0));
  if (ruleset < 0) return errno;
  int error = add_rules(state, ruleset, attr.handled_files);
  if (error == 0 && syscall(kRestrictSelf, ruleset, 0) != 0) error = errno;
  close(ruleset);
  return error;
}

}  // namespace corvid::jail
