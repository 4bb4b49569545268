#pragma once
// Commands of an agent that may run on while it does other things.

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/sandbox.h"

namespace corvid::tools {

struct CommandStart {
  std::string id;  // unique among the agent's commands
  std::vector<std::string> argv;
  std::filesystem::path cwd;
  std::filesystem::path output_file;  // for output that is longer than what is shown; empty: none
  int64_t shown_bytes_max = 16 << 10;
  bool has_input = false;  // type() reaches it; otherwise its input is empty
};

// What a command did since it was last asked for.
struct CommandNews {
  std::string output;  // head and tail where it is long
  bool is_running = false;
  std::chrono::milliseconds age{0};
  sandbox::Outcome outcome;  // unless is_running; its output holds notes of the sandbox only
};

// Each command runs on a thread of its own, confined as it was started, and is killed with all its
// processes when this object ends. Thread-safe.
class Commands {
 public:
  static constexpr size_t kRunningMax = 16;

  Commands();
  ~Commands();
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;

  // Throws invalid when too many run. `sandbox` stays alive until the command has ended.
  void start(sandbox::Sandbox& sandbox, const CommandStart& start,
             const sandbox::Profile& profile);

  // Waits until it has ended, `time_max` at most. Once its end was told it is forgotten. Throws
  // not_found, naming those that run; cancelled; what the sandbox threw.
  CommandNews wait(const std::string& id, std::chrono::milliseconds time_max,
                   std::stop_token stop);

  // Writes to its standard input. Throws not_found; invalid when it takes no input (any more).
  void type(const std::string& id, std::string_view text);

  void kill(const std::string& id);  // throws not_found
  void end_all();                    // returns once they are dead; their news are gone
  bool is_any_running() const;

 private:
  struct Running;
  std::shared_ptr<Running> find(const std::string& id) const;

  mutable std::mutex mutex_;  // protects what follows
  std::map<std::string, std::shared_ptr<Running>> commands_;
};

}  // namespace corvid::tools
