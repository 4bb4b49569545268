#include "runtime/early_check.h"

#include <algorithm>
#include <cctype>

#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/workspace_history.h"

namespace corvid::runtime {
namespace {

bool is_program_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-' || c == '+' || c == '/';
  });
}

// "/bin/sh: 1: ./check: not found" (dash), "/bin/sh: line 1: ./check: command not found" (bash):
// the program, or nothing where the line is none of the shell's.
std::string_view missing_program(std::string_view line) {
  if (!line.starts_with("/bin/sh: ") && !line.starts_with("sh: ")) return {};
  const size_t end = line.rfind(": ");
  const std::string_view reason = line.substr(end + 2);
  if (reason != "not found" && reason != "command not found" && reason != "Permission denied" &&
      reason != "No such file or directory") {
    return {};
  }
  const std::string_view head = line.substr(0, end);
  const size_t begin = head.rfind(": ");
  return begin == std::string_view::npos ? std::string_view() : head.substr(begin + 2);
}

// "/usr/bin/python3: No module named pytest", as python -m says it: the module.
std::string_view missing_module(std::string_view line) {
  constexpr std::string_view kWords = ": No module named ";
  const size_t at = line.find(kWords);
  if (at == std::string_view::npos) return {};
  const std::string_view interpreter = line.substr(0, at);
  const size_t slash = interpreter.rfind('/');
  const std::string_view name = interpreter.substr(slash == std::string_view::npos ? 0 : slash + 1);
  const std::string_view module = line.substr(at + kWords.size());
  return name.starts_with("python") && is_program_name(module) ? module : std::string_view();
}

bool is_runner(std::string_view module) {
  static constexpr std::string_view kRunners[] = {"pytest", "nose", "nose2", "tox", "coverage"};
  return std::find(std::begin(kRunners), std::end(kRunners), module) != std::end(kRunners);
}

}  // namespace

std::string why_check_cannot_run(const CheckRan& run, bool is_fixed) {
  if (run.exit_code == 0 || run.timed_out) return {};
  for (const std::string_view line : split_lines(run.output)) {
    const std::string_view program = missing_program(line);
    const bool is_shells_word = run.exit_code == 126 || run.exit_code == 127;
    const bool is_called = run.command.find(program) != std::string::npos;
    if (is_shells_word && is_program_name(program) && is_called) {
      const bool is_elsewhere = program.find('/') == std::string_view::npos;
      if (is_fixed || is_elsewhere) return std::string(line);
    }
    const std::string_view module = missing_module(line);
    const bool is_asked_for =
        !module.empty() && run.command.find("-m " + std::string(module)) != std::string::npos;
    if (is_asked_for && (is_fixed || is_runner(module))) return std::string(line);
  }
  return {};
}

bool ends_with_pass(std::span<const Event> events) {
  bool has_passed = false;
  for (const Event& event : events) {
    if (std::holds_alternative<SessionStarted>(event.body)) {
      has_passed = false;  // a new task begins
    } else if (const auto* restored = std::get_if<WorkspaceRestored>(&event.body)) {
      if (restored->reason != "restore") has_passed = false;
    } else if (const auto* attempt = std::get_if<AttemptEnded>(&event.body)) {
      has_passed = has_passed || attempt->status == "verified";
    } else if (const auto* check = std::get_if<CheckRan>(&event.body)) {
      const bool is_verdict = event.attempt < 0 && check->purpose == "verify";
      if (is_verdict) has_passed = check->exit_code == 0;
    }
  }
  return has_passed;
}

bool needs_no_repair(std::span<const Event> events) {
  const int64_t begin = last_run_event(events);
  for (const Event& event : events) {
    if (event.sequence < begin || event.attempt >= 0) continue;
    const auto* check = std::get_if<CheckRan>(&event.body);
    if (check != nullptr && check->purpose == "trace") {
      if (check->exit_code == 0 || !why_check_cannot_run(*check, true).empty()) return true;
    }
    const auto* call = std::get_if<ToolFinished>(&event.body);
    if (call != nullptr && call->tool == "shell" && !call->is_error && call->exit_code == 0) {
      return true;
    }
  }
  return false;
}

}  // namespace corvid::runtime
