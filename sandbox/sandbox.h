#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/profile.h"

namespace corvid::sandbox {

struct Command {
  std::vector<std::string> argv;  // argv[0] without a slash is looked up in the command's PATH
  std::filesystem::path cwd;      // as the command sees it; must be visible to it
  std::string stdin_text;
  int stdin_fd = -1;  // read by the command instead of stdin_text; stays the caller's; -1: none
  std::vector<std::string> environment;  // "NAME=VALUE", wins over Profile::environment
  // Called on the thread that runs run() with output as it comes, at most output_bytes_max in all;
  // pieces end anywhere. May be empty. Must not throw.
  std::function<void(std::string_view)> on_output;
  // False: on_output gets all of the output, without a limit, and Outcome::output none of it.
  bool collect_output = true;
};

// How a command ended. A non-zero exit is an outcome, not a failure of ours.
struct Outcome {
  int exit_code = 0;  // 128 + signal when a signal ended it; 127 not found, 126 not executable
  int signal = 0;
  bool timed_out = false;
  bool cancelled = false;           // by the stop token
  bool memory_exceeded = false;     // ended by Profile::memory_bytes_max
  bool processes_exceeded = false;  // ended by Profile::processes_max
  bool truncated = false;           // reached Profile::output_bytes_max
  int left_count = 0;               // processes and threads that ran on when it ended, now dead
  std::string output;               // stdout and stderr as they came
};

// One mechanism of the kernel: "user", "mount", "pid", "proc", "ipc", "network", "landlock",
// "seccomp".
struct Layer {
  std::string name;
  bool works = false;
  std::string detail;  // "ABI 7", or why it does not work
  std::string advice;  // what to do about it; empty when it works
  int abi = 0;         // of Landlock
};

struct LayerReport {
  std::vector<Layer> layers;
  bool complete() const;
  // Landlock (ABI 3 or later) and seccomp, with which commands can work on copies.
  bool allows_copies() const;
  std::string missing() const;  // one line per missing layer: name, reason, advice; empty when none
};

class Sandbox {
 public:
  virtual ~Sandbox() = default;
  // Runs `command` confined to `profile` with the layers chosen when this object was made. Throws
  // before exec if ANY step of them fails; a run never falls back to weaker ones. Returns when the
  // main process has ended, with every process that it started dead. Thread-safe.
  virtual Outcome run(const Command& command, const Profile& profile, std::stop_token stop) = 0;
  // One line for the session: which layers hold ("namespaces, Landlock ABI 7, seccomp").
  virtual std::string describe() const = 0;
};

struct SandboxOptions {
  std::filesystem::path jail{};    // empty: find_jail()
  std::filesystem::path stages{};  // where "staged" copies to; empty: the system's temporary folder
  int landlock_abi_max = 0;        // for tests: "staged" as on a kernel of this ABI; 0: all
};

// `name`: "linux": namespaces, Landlock and seccomp; where there are no namespaces, "staged".
// "staged": Landlock and seccomp alone, on copies. "none" confines nothing and is for tests and
// explicit wishes. Throws unsupported, naming each missing layer and what to do about it.
std::unique_ptr<Sandbox> make_sandbox(std::string_view name, const SandboxOptions& options = {});

// Removes copies below `stages` that killed processes have left; what cannot be removed stays.
void sweep_stages(const std::filesystem::path& stages);

// The jail program: $CORVID_JAIL, else beside this executable, else in ../libexec/corvid. Throws
// not_found.
std::filesystem::path find_jail();

// Tries each layer in a process of its own; `jail` as in SandboxOptions. Works without privileges.
LayerReport detect_layers(const std::filesystem::path& jail = {});

}  // namespace corvid::sandbox
