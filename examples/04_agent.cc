// The agent inside an application: one task in a workspace, in the sandbox, decided by a check.
//
//   04_agent WORKSPACE "The tests fail. Repair the bug." "python3 -m unittest -q" [MODEL]
#include <cstdio>
#include <exception>
#include <filesystem>
#include <variant>

#include "runtime/task_run.h"

using namespace corvid;

int main(int argc, char** argv) try {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s WORKSPACE TASK CHECK [MODEL]\n", argv[0]);
    return 1;
  }
  runtime::RunOptions options;
  options.workspace = std::filesystem::canonical(argv[1]);
  options.task = argv[2];
  options.verify = argv[3];
  if (argc > 4) options.model = argv[4];

  runtime::RunEnvironment environment;
  environment.paths = runtime::find_paths();
  environment.clock = system_now;
  environment.on_event = [](const runtime::Event& event) {  // it is on disk by now
    if (const auto* tool = std::get_if<runtime::ToolFinished>(&event.body)) {
      std::printf("%s%s\n", tool->tool.c_str(), tool->is_error ? " (refused)" : "");
    } else if (const auto* check = std::get_if<runtime::CheckRan>(&event.body)) {
      std::printf("check: exit %d in %lld ms\n", check->exit_code,
                  static_cast<long long>(check->ms));
    }
  };
  const runtime::RunResult result = runtime::run_task(options, environment, {});
  std::printf("%s\n%s", result.message.c_str(), result.diff.c_str());
  return result.exit_code;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
