#pragma once

#include <filesystem>
#include <stop_token>

#include "sandbox/jail/plan.h"
#include "sandbox/launch/process.h"
#include "sandbox/sandbox.h"

namespace corvid::sandbox {

// What every jail is told of a command: words, environment, folder and limits; nothing of files.
// Throws invalid where one is out of range.
jail::Plan plan_of(const Command& command, const Profile& profile);

// Adds a line that the command could not be told by its own output.
void note(Outcome& outcome, const std::string& text);

// The jail program, as it was when this object was made.
class JailProgram {
 public:
  explicit JailProgram(const std::filesystem::path& file);

  // Runs `command` as `plan` says. `proxy_fd`: with Plan::proxy_port, the jail's end of the proxy's
  // channel; stays the caller's. Throws denied, before exec, when a step of the jail fails.
  Outcome run(const jail::Plan& plan, const Command& command, const Profile& profile,
              std::stop_token stop, int proxy_fd = -1) const;

 private:
  Descriptor copy_;
};

}  // namespace corvid::sandbox
