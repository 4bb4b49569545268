#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace corvid::tools {

// See Workspace::files.
std::vector<std::string> walk_files(const std::filesystem::path& root, int count_max);

}  // namespace corvid::tools
