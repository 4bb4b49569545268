#pragma once
// What a check that ran says about the place of a bug.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace corvid::tools {

// One frame of a traceback, in a file of the workspace.
struct Frame {
  std::string path;      // relative to the workspace
  int line = 0;          // 1-based
  std::string function;  // as the traceback prints it
};

// How often tests that failed and tests that passed executed a line.
struct LineHits {
  int failing_tests = 0;
  int passing_tests = 0;
};

struct Evidence {
  bool check_ran = false;
  bool check_passed = false;
  std::vector<std::vector<Frame>> tracebacks;  // one per failure, outermost frame first
  std::map<std::string, std::map<int, LineHits>> executed;  // path -> line -> hits
  int failing_test_count = 0;
  int passing_test_count = 0;
  std::string output;  // of the check, as it came

  // Paths and names that the task's text mentions and that exist in the workspace.
  std::vector<std::string> mentioned_paths;
  std::vector<std::string> mentioned_names;
};

}  // namespace corvid::tools
