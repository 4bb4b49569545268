#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace corvid::sandbox {

// A host folder or file that the command sees at another path.
struct Mount {
  std::filesystem::path source;  // exists on the host
  std::filesystem::path target;  // where the command sees it
  bool writable = false;
  // A folder of the host that is seen where the folder `source` has nothing, and never written: an
  // overlay (kernel docs, filesystems/overlayfs), with whiteouts and opaque folders of the "user."
  // kind in `source`. Empty: none.
  std::filesystem::path below{};
  std::filesystem::path below_work{};  // with it: an empty folder on the file system of `source`

  bool operator==(const Mount&) const = default;
};

// What a command may touch. Default-constructed: no file, no network, no variable. All paths are
// absolute; where two entries overlap, the narrower path wins, and protected_paths and hidden_paths
// win over roots. Entries of read_roots that do not exist are left out.
struct Profile {
  std::vector<std::filesystem::path> read_roots;   // files or folders, read and execute
  std::vector<std::filesystem::path> write_roots;  // existing folders, also writable
  // Read-only although beneath a writable root. One that does not exist cannot be created.
  std::vector<std::filesystem::path> protected_paths;
  std::vector<std::filesystem::path> hidden_paths;  // seen as empty although beneath a root
  std::vector<Mount> mounts;
  std::filesystem::path home;            // an empty private folder, HOME; none: /tmp is HOME
  std::vector<std::string> environment;  // "NAME=VALUE"; nothing else is inherited
  bool allow_network = false;            // false: a loopback interface of its own
  // Without network: what the command reaches through a proxy of the harness, as hosts.h writes
  // hosts; without a port at 80 and 443. Those of `denied_hosts` win. Names are reached at public
  // addresses only. Empty: there is no proxy.
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> denied_hosts;
  int64_t memory_bytes_max = int64_t{4} << 30;  // all processes of the command together
  int64_t processes_max = 512;                  // processes and threads
  int64_t file_bytes_max = int64_t{2} << 30;    // one written file
  int64_t output_bytes_max = int64_t{1} << 20;  // kept of stdout and stderr; the rest is dropped
  std::chrono::milliseconds time_max = std::chrono::seconds(120);

  bool operator==(const Profile&) const = default;
};

// What both profiles allow: roots that lie in both, everything that either protects or hides, the
// lower limits. A mount, variable or home stays only when both have it.
Profile intersect(Profile a, const Profile& b);

// The base of a usable profile: system folders, the harmless part of /etc, the toolchains that PATH
// names (also beneath the home folder), a private home, and a clean environment. Credentials in the
// home folder and the system's own are hidden. `variables` is an environment ("NAME=VALUE"); reads
// the file system.
Profile system_profile(const std::vector<std::string>& variables);

// system_profile of this process's environment.
Profile system_profile();

// Names of files and folders beneath a home folder that hold credentials, relative to it.
const std::vector<std::string>& credential_names();
const std::vector<std::string>& system_credentials();  // the system's own, absolute

// True when `path` is `root` or lies beneath it; compares text, both absolute and normal.
bool is_beneath(const std::filesystem::path& path, const std::filesystem::path& root);

}  // namespace corvid::sandbox
