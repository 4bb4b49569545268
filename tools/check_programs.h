#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace corvid::tools {

// The content of a file of the workspace, or nothing.
using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;

// Files of the workspace that `command` runs as its check: programs and scripts that it calls
// ("./check.sh", "cd tests && python3 all.py", "bash run_tests"), as paths relative to the
// workspace. A Python script counts only when it imports a module of the workspace: otherwise it
// is the very program that is checked ("python3 program.py --self-test").
std::set<std::string> check_programs(std::string_view command, const ReadFile& read);

}  // namespace corvid::tools
