#pragma once

#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace corvid::tools {

// The content of a file of the workspace, or nothing.
using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;

// Files of the workspace that `command` checks with, as paths relative to the workspace: programs
// and scripts that it calls ("./check.sh", "cd tests && python3 all.py", "bash run_tests"), also by
// way of a build file ("make check") or of another such script, the modules that a test runner gets
// ("python3 -m unittest specs.T", "discover -p '*Check.py'"), what they compare with ("diff out
// expected.txt", "./prog < input.txt"), and data that such a Python script names. What is checked
// is none of it: sources that a compiler gets, but for those that are called checks among several
// ("cc calc.c verify_calc.c"); a Python script that imports no module of the workspace ("python3
// program.py --self-test"), unless a build file or script runs it and its name says that it checks
// ("check_all.py"); and, beneath build files and scripts, a program whose output is looked at, not
// its exit code. `paths` are all files of the workspace, for patterns ("for f in spec_*.py").
std::set<std::string> check_programs(std::string_view command, const ReadFile& read,
                                     std::span<const std::string> paths = {});

}  // namespace corvid::tools
