#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "tools/support/file_tool.h"

namespace corvid::tools {
namespace {

class Shell final : public Tool {
 public:
  const ToolSpec& spec() const override { return spec_; }

  // What the command writes is not known; the profile of the decision confines it.
  policies::Action plan(const Json& args, const Workspace& workspace,
                        const ToolState&) const override {
    const std::string command = json_string(args, "command");
    if (command.find('\0') != std::string::npos) {
      fail(Code::invalid, "the command holds a zero byte");
    }
    policies::Action action = action_of("shell", {workspace.shown_as()});
    action.argv = {"/bin/sh", "-c", command};
    return action;
  }

  ToolResult run(const Json& args, const ToolContext& context) const override {
    sandbox::Profile profile = context.profile;
    if (args.contains("timeout_s")) {
      const std::chrono::seconds wanted(args.at("timeout_s").get<int>());
      profile.time_max = std::min<std::chrono::milliseconds>(profile.time_max, wanted);
    }
    sandbox::Command command;
    command.argv = {"/bin/sh", "-c", json_string(args, "command")};
    command.cwd = context.workspace.shown_as();
    const sandbox::Outcome outcome = context.sandbox.run(command, profile, context.stop);
    if (outcome.cancelled) fail(Code::cancelled, "the command was cancelled");
    ToolResult result;
    result.exit_code = outcome.exit_code;
    result.text = "exit code " + std::to_string(outcome.exit_code) + "\n" + to_utf8(outcome.output);
    const auto note = [&](const std::string& text) {
      if (!result.text.ends_with('\n')) result.text += '\n';
      result.text += "[" + text + "]\n";
    };
    if (outcome.truncated) {
      note("the output was cut at " + std::to_string(profile.output_bytes_max) + " bytes");
    }
    if (outcome.timed_out) {
      result.is_error = true;
      note("stopped after " + std::to_string(profile.time_max.count() / 1000) + " s");
    }
    if (outcome.memory_exceeded) {
      note("ended by the memory limit of " + std::to_string(profile.memory_bytes_max) + " bytes");
    }
    if (outcome.processes_exceeded) {
      note("ended by the limit of " + std::to_string(profile.processes_max) + " processes");
    }
    return result;
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
