#pragma once
// Runs a program and collects what it writes.

#include <map>
#include <string>
#include <vector>

namespace corvid::test {

struct ProcessResult {
  int exit_code = -1;  // -1 when a signal ended it
  int signal = 0;
  std::string out, err;
};

// `environment` is added to this process's own. With `kill_after_ms` >= 0 the program gets SIGKILL
// after that time if it still runs.
ProcessResult run_process(const std::vector<std::string>& argv,
                          const std::map<std::string, std::string>& environment,
                          int kill_after_ms = -1);

}  // namespace corvid::test
