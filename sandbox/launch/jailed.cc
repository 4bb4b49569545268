#include "sandbox/launch/jailed.h"

#include <fcntl.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "sandbox/launch/encode.h"

namespace corvid::sandbox {
namespace {

constexpr int64_t kJailBytesMax = int64_t{64} << 20;

bool has_name(const std::string& variable, std::string_view name) {
  return variable.size() > name.size() && variable.starts_with(name) &&
         variable[name.size()] == '=';
}

// Later entries win.
void set_variable(std::vector<std::string>& environment, const std::string& variable) {
  const size_t equals = variable.find('=');
  if (equals == std::string::npos || equals == 0) {
    fail(Code::invalid, "not a variable: " + variable);
  }
  const std::string name = variable.substr(0, equals);
  for (std::string& known : environment) {
    if (has_name(known, name)) {
      known = variable;
      return;
    }
  }
  environment.push_back(variable);
}

std::vector<std::string> make_environment(const Command& command, const Profile& profile) {
  std::vector<std::string> environment;
  const std::string home = profile.home.empty() ? "/tmp" : profile.home.string();
  set_variable(environment, "HOME=" + home);
  set_variable(environment, "TMPDIR=/tmp");
  for (const std::string& variable : profile.environment) set_variable(environment, variable);
  for (const std::string& variable : command.environment) set_variable(environment, variable);
  return environment;
}

void take_status(const jail::Status& status, const Command& command, Outcome& outcome) {
  switch (status.ending) {
    case jail::Ending::exited:
      outcome.exit_code = status.value;
      outcome.left_count = atoi(status.text);
      return;
    case jail::Ending::killed:
      outcome.left_count = atoi(status.text);
      outcome.signal = status.value;
      outcome.exit_code = 128 + status.value;
      return;
    case jail::Ending::not_executed:
      outcome.exit_code = status.value == ENOENT ? 127 : 126;
      note(outcome, command.argv[0] + ": " +
                        (status.value == ENOENT ? "command not found" : strerror(status.value)));
      return;
    case jail::Ending::memory_exceeded:
      outcome.memory_exceeded = true;
      outcome.exit_code = 137;
      note(outcome, "[ended: more memory than the limit]");
      return;
    case jail::Ending::processes_exceeded:
      outcome.processes_exceeded = true;
      outcome.exit_code = 137;
      note(outcome, "[ended: more processes than the limit]");
      return;
    case jail::Ending::step_failed:
      break;
  }
  fail(Code::denied, "the sandbox could not be set up, so nothing was run: step " +
                         std::string(status.text) + ": " + strerror(status.value));
}

}  // namespace

void note(Outcome& outcome, const std::string& text) {
  if (!outcome.output.empty() && outcome.output.back() != '\n') outcome.output += '\n';
  outcome.output += text + "\n";
}

jail::Plan plan_of(const Command& command, const Profile& profile) {
  if (command.argv.empty()) fail(Code::invalid, "a command without words");
  if (!command.cwd.is_absolute()) {
    fail(Code::invalid, "not an absolute path: '" + command.cwd.string() + "'");
  }
  if (profile.memory_bytes_max <= 0 || profile.processes_max <= 0 || profile.file_bytes_max <= 0 ||
      profile.output_bytes_max < 0 || profile.time_max.count() <= 0) {
    fail(Code::invalid, "a limit of the profile is not positive");
  }
  jail::Plan plan;
  plan.argv = command.argv;
  plan.environment = make_environment(command, profile);
  plan.cwd = command.cwd.string();
  plan.allow_network = profile.allow_network;
  plan.memory_bytes_max = profile.memory_bytes_max;
  plan.processes_max = profile.processes_max;
  plan.file_bytes_max = profile.file_bytes_max;
  return plan;
}

JailProgram::JailProgram(const std::filesystem::path& file)
    // A copy in memory: the file may lie in a workspace, where commands could replace it.
    : copy_(memory_file("corvid-jail", read_file(file, kJailBytesMax))) {
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  if (fcntl(copy_.get(), F_ADD_SEALS, kSeals) != 0) fail_errno("sealing corvid-jail");
}

Outcome JailProgram::run(const jail::Plan& plan, const Command& command, const Profile& profile,
                         std::stop_token stop, int proxy_fd) const {
  Launch launch = launch_of(command, profile);
  launch.program = "/proc/self/fd/" + std::to_string(copy_.get());
  launch.argv = {"corvid-jail"};
  launch.plan = encode(plan);
  launch.proxy_fd = proxy_fd;
  Ended ended = run_process(launch, stop);
  Outcome outcome = std::move(ended.outcome);
  outcome.signal = 0;  // the command's are in the report
  if (outcome.timed_out || outcome.cancelled) {
    outcome.signal = SIGTERM;
    if (outcome.timed_out) note(outcome, "[ended: more time than the limit]");
    return outcome;
  }
  if (!ended.status) fail(Code::io, "corvid-jail ended without a report");
  take_status(*ended.status, command, outcome);
  return outcome;
}

}  // namespace corvid::sandbox
