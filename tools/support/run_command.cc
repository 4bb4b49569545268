#include "tools/support/run_command.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "tools/support/file_tool.h"

namespace corvid::tools {
namespace {

constexpr int64_t kRoomForNotes = 400;

std::string seconds(std::chrono::milliseconds time) {
  return std::to_string(time.count() / 1000) + " s";
}

ToolResult tell_end(const CommandNews& news, const sandbox::Profile& profile) {
  const sandbox::Outcome& outcome = news.outcome;
  ToolResult result;
  result.exit_code = outcome.exit_code;
  result.text = "exit code " + std::to_string(outcome.exit_code) + "\n" + news.output;
  const auto add = [&](const std::string& text) {
    if (!result.text.ends_with('\n')) result.text += '\n';
    result.text += text;
  };
  if (!outcome.output.empty()) add(outcome.output);
  if (outcome.timed_out) {
    result.is_error = true;
    add("[stopped after " + seconds(news.age) + "]\n");
  }
  if (outcome.memory_exceeded) {
    add("[ended by the memory limit of " + std::to_string(profile.memory_bytes_max) + " bytes]\n");
  }
  if (outcome.processes_exceeded) {
    add("[ended by the limit of " + std::to_string(profile.processes_max) + " processes]\n");
  }
  if (outcome.left_count > 0) {
    add("[" + std::to_string(outcome.left_count) +
        " of its processes still ran and were ended: what is to run on is started with the tool "
        "process]\n");
  }
  return result;
}

}  // namespace

policies::Action command_action(const std::string& tool, const std::string& command,
                                const Workspace& workspace) {
  if (command.find('\0') != std::string::npos) {
    fail(Code::invalid, "the command holds a zero byte");
  }
  policies::Action action = action_of(tool, {workspace.shown_as()});
  action.argv = {"/bin/sh", "-c", command};
  return action;
}

ToolResult run_shell_command(const ShellCommand& command, const ToolContext& context,
                             Commands& commands) {
  sandbox::Profile profile = context.profile;
  profile.time_max = std::min(profile.time_max, command.time_max);
  CommandStart start;
  start.id = "p" + std::to_string(++context.state.command_count);
  start.argv = {"/bin/sh", "-c", command.text};
  if (command.has_terminal) start.argv = {"script", "-qefc", command.text, "/dev/null"};
  start.cwd = context.workspace.shown_as();
  start.shown_bytes_max = std::max<int64_t>(context.output_bytes_max - kRoomForNotes, 400);
  start.has_input = command.has_input;
  if (!context.output_folder.empty()) {
    const std::string& name = context.call_id.empty() ? start.id : context.call_id;
    start.output_file = context.output_folder / (name + ".txt");
  }
  commands.start(context.sandbox, start, profile);
  return tell_command(start.id, command.wait, context, commands);
}

ToolResult tell_command(const std::string& id, std::chrono::milliseconds wait,
                        const ToolContext& context, Commands& commands) {
  const CommandNews news = commands.wait(id, wait, context.stop);
  if (!news.is_running) {
    if (news.outcome.cancelled && context.stop.stop_requested()) {
      fail(Code::cancelled, "the command was cancelled");
    }
    return tell_end(news, context.profile);
  }
  return {.text = id + " runs since " + seconds(news.age) + "; process with id " + id +
                  " waits, types or kills; it ends after " + seconds(context.profile.time_max) +
                  "\n" + news.output};
}

}  // namespace corvid::tools
