#pragma once
// Evidence of place from Python's own tracing: while a check runs in the sandbox, every Python
// program in it records which lines each test executes and where failures come from. What Python
// does not run, or runs without PYTHONPATH, records nothing; then the tracebacks that the check
// printed are read instead.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/profile.h"
#include "tools/evidence.h"
#include "tools/workspace.h"

namespace corvid::tools {

// What a traced command needs of its sandbox. The folders appear at their own paths, so that the
// environment also holds where a sandbox mounts nothing.
struct PythonTrace {
  std::vector<sandbox::Mount> mounts;    // the tracer, read-only; the folder of results, writable
  std::vector<std::string> environment;  // "NAME=VALUE"
  std::filesystem::path results;
};

// Writes the tracer into `folder` (existing, empty, the caller's to remove). The command sees the
// workspace at `workspace_shown_as`. A PYTHONPATH that the command has anyway goes behind the
// tracer. The exit code and the output of the command stay as they are; tracing ends after
// `seconds_max` of a process.
PythonTrace prepare_trace(const std::filesystem::path& folder,
                          const std::filesystem::path& workspace_shown_as,
                          const std::string& python_path = {}, int seconds_max = 60);

// What the check left behind. The results come from the sandbox: nothing in them is trusted, and
// what does not name a file of the workspace is dropped. A process without tests counts as one test
// that passed or failed with the check.
Evidence read_evidence(const PythonTrace& trace, std::string_view output, int exit_code,
                       const Workspace& workspace);

// Frames of the tracebacks (of Python and as pytest prints them, of sanitizers) in a text, and the
// places in C and C++ files that it names; only files of the workspace, outermost first.
std::vector<std::vector<Frame>> find_tracebacks(std::string_view output,
                                                const Workspace& workspace);

// Fills mentioned_paths and mentioned_names: paths in `task` that name files of the workspace, and
// functions, classes and methods (also "Stats.median", "Stats::median") that its files define. A
// plain word counts only where the task marks it as code.
void find_mentions(std::string_view task, const Workspace& workspace, Evidence& evidence);

}  // namespace corvid::tools
