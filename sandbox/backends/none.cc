// Confines nothing: for tests and for a user's explicit wish. Limits of time and output hold.
#include <unistd.h>

#include "runtime/base/error.h"
#include "sandbox/launch/process.h"
#include "sandbox/sandbox.h"

namespace corvid::sandbox {
namespace {

class NoSandbox final : public Sandbox {
 public:
  Outcome run(const Command& command, const Profile& profile, std::stop_token stop) override {
    if (command.argv.empty()) fail(Code::invalid, "a command without words");
    Launch launch = launch_of(command, profile);
    launch.program = "/usr/bin/env";  // looks the program up in PATH after setting variables
    launch.argv = {"env"};
    for (const auto* list : {&profile.environment, &command.environment}) {
      launch.argv.insert(launch.argv.end(), list->begin(), list->end());
    }
    launch.argv.insert(launch.argv.end(), command.argv.begin(), command.argv.end());
    for (char** variable = environ; *variable != nullptr; ++variable) {
      launch.environment.emplace_back(*variable);
    }
    launch.cwd = command.cwd.string();
    return run_process(launch, stop).outcome;
  }

  std::string describe() const override { return "none: commands are not confined"; }
};

}  // namespace

std::unique_ptr<Sandbox> make_none(const SandboxOptions&) { return std::make_unique<NoSandbox>(); }

}  // namespace corvid::sandbox
