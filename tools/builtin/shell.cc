#include "runtime/base/json.h"
#include "tools/support/run_command.h"

namespace corvid::tools {
namespace {

class Shell final : public Tool {
 public:
  const ToolSpec& spec() const override { return spec_; }

  policies::Action plan(const Json& args, const Workspace& workspace,
                        const ToolState&) const override {
    return command_action("shell", json_string(args, "command"), workspace);
  }

  ToolResult run(const Json& args, const ToolContext& context) const override {
    Commands own;  // where nothing may run on
    ShellCommand command{json_string(args, "command"), context.profile.time_max, {}, false};
    if (args.contains("timeout_s")) {
      command.time_max = std::chrono::seconds(args.at("timeout_s").get<int>());
    }
    command.wait = context.yield_after;
    if (context.commands == nullptr) command.wait = context.profile.time_max * 2;
    return run_shell_command(command, context,
                             context.commands == nullptr ? own : *context.commands);
  }

 private:
  const ToolSpec spec_ = {
      "shell", "Run a command with /bin/sh in the workspace. Each call is a new shell.",
      R"({"type":"object","properties":{"command":{"type":"string","minLength":1},)"
      R"("timeout_s":{"type":"integer","minimum":1,"maximum":3600}},)"
      R"("required":["command"],"additionalProperties":false})"};
};

}  // namespace

std::unique_ptr<Tool> make_shell() { return std::make_unique<Shell>(); }

}  // namespace corvid::tools
