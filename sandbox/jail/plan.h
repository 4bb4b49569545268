#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// What the jail program is told to do, and its text form: records of netstrings ("LEN:BYTES,"), the
// first of which is the record's key. Written by sandbox/launch/encode.cc, read by plan.cc.
namespace corvid::jail {

inline constexpr int64_t kPlanBytesMax = int64_t{16} << 20;

// File descriptors that the jail is started with, besides 0, 1 and 2.
inline constexpr int kPlanFd = 3;      // the encoded plan, at offset 0
inline constexpr int kStatusFd = 4;    // the jail reports here how it went (see status.h)
inline constexpr int kLifelineFd = 5;  // reads end-of-file when the harness is gone
inline constexpr int kProxyFd = 6;     // takes the proxy's listening socket; with Plan::proxy_port

// One step in building the command's file tree; applied in order.
struct MountOp {
  enum class Kind : char {
    dir = 'd',        // make the folder `target` and its parents
    file = 'f',       // make the empty file `target` and its parents
    link = 'l',       // make the symbolic link `target` with the text `source`
    read = 'r',       // show host path `source` at `target`, read-only
    write = 'w',      // ... writable
    device = 'v',     // ... a device node
    tmpfs = 't',      // a new empty folder in memory at `target`, writable, of at most `bytes`
    mask = 'm',       // ... read-only once the tree is built
    mask_file = 'e',  // an empty unreadable file over `target`
    protect = 'p',    // make `target` read-only, whatever it lies in
    pin = 'n',        // keep the folder `target` from being renamed or removed
    proc = 'c',       // a new procfs at `target`
    pts = 's'         // a new devpts at `target`
  };
  Kind kind = Kind::dir;
  std::string source;
  std::string target;  // absolute, as the command sees it
  int64_t bytes = 0;
  std::string below{}, below_work{};  // of `write`: see Mount in profile.h

  bool operator==(const MountOp&) const = default;
};

struct Plan {
  std::vector<std::string> argv;
  std::vector<std::string> environment;
  std::string cwd;
  std::vector<MountOp> mounts;
  // Host folders that are made before and removed after, so that something can be protected there.
  std::vector<std::string> placeholders;
  bool allow_network = false;
  int64_t proxy_port = 0;  // of the command's loopback, where the harness listens; 0: nowhere
  // Without namespaces: Landlock and seccomp alone. `mounts` then holds only places to read, to
  // write, and devices, all where they are; commands work on copies (sandbox/launch/stage.h).
  bool is_staged = false;
  std::string unruled;  // when staged: a folder that the caller may write in and `mounts` lacks
  int64_t landlock_abi_max = 0;  // use no later features than this ABI's; 0: all
  int64_t memory_bytes_max = 0;
  int64_t processes_max = 0;
  int64_t file_bytes_max = 0;

  bool operator==(const Plan&) const = default;
};

// False when `text` is not a whole, well-formed plan.
bool decode(std::string_view text, Plan& plan);

}  // namespace corvid::jail
