#pragma once
// What a project brings along for Corvid: its check, and skills.

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/paths.h"
#include "runtime/run_options.h"

namespace corvid::runtime {

// Instructions for one kind of work, read by the model when it needs them.
struct Skill {
  std::string name;         // lower-case letters, digits and hyphens: the folder's
  std::string description;  // at most 1,024 bytes
  std::string path;         // of SKILL.md, from the workspace
};

// The front matter of a SKILL.md (agentskills.io) in a folder `name`. Throws invalid.
Skill parse_skill(std::string_view text, const std::string& name);

struct Project {
  std::string verify;  // [verify] command; empty: none
  std::vector<Skill> skills;
};

// Only what a person trusted (trust.h); the rest is left out with a warning. Throws invalid for a
// trusted config.toml that is not well-formed.
Project read_project(const Paths& paths, const std::filesystem::path& workspace);

// The block of the prompt that names the skills; empty when there are none.
std::string skills_text(std::span<const Skill> skills);

// The options with the project's check, where none was given, its skills as instructions, and the
// user's own settings (model_settings.h).
RunOptions with_project(RunOptions options, const Paths& paths);

}  // namespace corvid::runtime
