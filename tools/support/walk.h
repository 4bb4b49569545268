#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace corvid::tools {

// See Workspace::files. `shown_as` tells which repository the files belong to.
std::vector<std::string> walk_files(const std::filesystem::path& root,
                                    const std::filesystem::path& shown_as, int count_max);

}  // namespace corvid::tools
