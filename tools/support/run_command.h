#pragma once
// What shell and process share: a command as an action, started, and told of.

#include <chrono>
#include <string>

#include "tools/commands.h"
#include "tools/tool.h"

namespace corvid::tools {

// What running `command` with /bin/sh would do. What it writes is not known: the profile of the
// decision confines it. Throws invalid.
policies::Action command_action(const std::string& tool, const std::string& command,
                                const Workspace& workspace);

struct ShellCommand {
  std::string text;
  std::chrono::milliseconds time_max;  // never later than the profile's
  std::chrono::milliseconds wait;      // for its end, before it is told of
  bool has_input = false;
  bool has_terminal = false;  // a pseudo-terminal, which script(1) makes
};

// Starts it among `commands` and waits.
ToolResult run_shell_command(const ShellCommand& command, const ToolContext& context,
                             Commands& commands);

// What the command `id` did since it was last told of.
ToolResult tell_command(const std::string& id, std::chrono::milliseconds wait,
                        const ToolContext& context, Commands& commands);

}  // namespace corvid::tools
