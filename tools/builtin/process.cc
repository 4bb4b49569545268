#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "tools/support/file_tool.h"
#include "tools/support/run_command.h"

namespace corvid::tools {
namespace {

constexpr int64_t kFirstLookSeconds = 1;
constexpr int64_t kWaitSeconds = 10;
constexpr size_t kLineBytesMax = 64 << 10;

// What may still become part of a line that is typed on.
std::string open_line(const std::string& typed) {
  size_t end = typed.find_last_of("\r\n");
  while (end != std::string::npos && end > 0 && typed[end - 1] == '\\') {
    end = typed.find_last_of("\r\n", end - 1);
  }
  return end == std::string::npos ? typed : typed.substr(end + 1);
}

class Process final : public Tool {
 public:
  const ToolSpec& spec() const override { return spec_; }

  // What is typed into a command may be a command itself, and is judged like one, together with
  // what stands in its line already.
  policies::Action plan(const Json& args, const Workspace& workspace,
                        const ToolState& state) const override {
    if (args.contains("command") == args.contains("id")) {
      fail(Code::invalid, "give command to start one, or id to reach one that runs");
    }
    if (args.contains("command")) {
      return command_action("process", json_string(args, "command"), workspace);
    }
    const std::string input = json_string_or(args, "stdin", "");
    if (input.empty()) return action_of("process");
    const auto begun = state.typed.find(json_string(args, "id"));
    const std::string line = begun == state.typed.end() ? "" : begun->second;
    return command_action("process", line + input, workspace);
  }

  ToolResult run(const Json& args, const ToolContext& context) const override {
    if (context.commands == nullptr) return error_result("no command may run on here");
    Commands& commands = *context.commands;
    const bool is_start = args.contains("command");
    if (!is_start && args.contains("tty")) return error_result("tty belongs to command");
    const std::chrono::seconds wait(
        json_int_or(args, "wait_s", is_start ? kFirstLookSeconds : kWaitSeconds));
    const std::string input = json_string_or(args, "stdin", "");
    if (is_start) {
      return run_shell_command({json_string(args, "command"), context.profile.time_max, wait, true,
                                json_bool_or(args, "tty", false)},
                               context, commands);
    }
    const std::string id = json_string(args, "id");
    if (!input.empty()) {
      std::string line = open_line(context.state.typed[id] + input);
      if (line.size() > kLineBytesMax) return error_result("end the line that is typed first");
      context.state.typed[id] = std::move(line);
      commands.type(id, input);
    }
    if (json_bool_or(args, "kill", false)) commands.kill(id);
    return tell_command(id, wait, context, commands);
  }

 private:
  const ToolSpec spec_ = {
      "process",
      "Start a command that runs on; with id: see what it wrote since, type stdin, kill it. Its "
      "network is its own: reach a server from within one command.",
      R"({"type":"object","properties":{"command":{"type":"string"},"id":{"type":"string"},)"
      R"("stdin":{"type":"string"},"kill":{"type":"boolean"},"tty":{"type":"boolean"},)"
      R"("wait_s":{"type":"integer","minimum":0,"maximum":600}},"additionalProperties":false})"};
};

}  // namespace

std::unique_ptr<Tool> make_process() { return std::make_unique<Process>(); }

}  // namespace corvid::tools
