#pragma once

#include <filesystem>
#include <string>

namespace corvid::runtime {

inline constexpr size_t kInstructionBytesMax = 32 << 10;

// What people have written down for agents (agents.md): `user_file`, then in each folder from the
// repository's root (the nearest folder above with a .git; else the workspace) down to the
// workspace AGENTS.override.md, else AGENTS.md. Later ones take precedence. At most
// kInstructionBytesMax bytes, the rest is cut and the cut is named. A link that leaves the
// repository is not followed. Empty when there is nothing.
std::string project_instructions(const std::filesystem::path& workspace,
                                 const std::filesystem::path& user_file);

}  // namespace corvid::runtime
