#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "runtime/paths.h"

namespace corvid::runtime {

inline constexpr const char* kProjectConfig = ".corvid/config.toml";
inline constexpr const char* kProjectHooks = ".corvid/hooks";  // the scripts of hooks

// A part of a project that changes what Corvid does there: its configuration, the scripts of its
// hooks, or the folder of a skill.
struct ProjectPart {
  std::string path;    // from the workspace
  std::string digest;  // SHA-256 of its content; a folder's covers every file's name and content
  bool is_trusted = false;
};

// The parts of the project in `workspace`, sorted by path. Links are no parts, nor are folders with
// more than 1,000 files or 16 MiB. Trust is by content: a part that changed is no longer trusted.
std::vector<ProjectPart> project_parts(const Paths& paths, const std::filesystem::path& workspace);

// Records that a person has seen these and trusts them, and no other part of that project.
void set_trust(const Paths& paths, const std::filesystem::path& workspace,
               std::span<const ProjectPart> parts);

}  // namespace corvid::runtime
