#pragma once
// Evidence of place from C and C++ programs: while a check runs in the sandbox, compilers that it
// finds by PATH (gcc's) build with coverage and with a recorder, so that every process says which
// lines it executed, how it ended and where. What is not built during the check, or not by them,
// records nothing.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/profile.h"
#include "tools/evidence.h"
#include "tools/workspace.h"

namespace corvid::tools {

// What a traced command needs of its sandbox, as PythonTrace of python_trace.h.
struct CTrace {
  std::vector<sandbox::Mount> mounts;
  std::vector<std::string> environment;  // "NAME=VALUE"; its PATH replaces the command's
  std::filesystem::path results;
  std::string collect;  // a command to run behind the check, in the same place; never fails
};

// Writes compilers and recorder into `folder` (existing, empty, the caller's to remove). `path` is
// the command's PATH.
CTrace prepare_c_trace(const std::filesystem::path& folder, const std::string& path);

// Whether any process recorded something, so that `collect` is worth its run.
bool has_c_results(const CTrace& trace);

// Adds what the check left behind, after `collect` has run. Each process that ran lines of the
// workspace counts as a test that failed when it ended with a signal or another code than 0; where
// the check failed and none did, all of them count as one failing test. Nothing in the results is
// trusted; files that are not of the workspace are dropped.
void add_c_evidence(const CTrace& trace, int exit_code, const Workspace& workspace,
                    Evidence& evidence);

}  // namespace corvid::tools
