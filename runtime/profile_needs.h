#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "runtime/paths.h"
#include "runtime/provider.h"
#include "tools/workspace.h"

namespace corvid::runtime {

// A model whose profile offers it nothing but a check and Python files can do nothing without them.
// Throws invalid, saying what it needs and that --model takes any other, when the run has no check
// or the workspace no Python file.
void refuse_beyond_profile(const Provider& provider, const std::string& check_command,
                           const tools::Workspace& workspace);

// The names of the tools that a model is offered: what its profile lists, else all; none that asks
// a person where nobody is there.
std::vector<std::string> offered_tools(const ModelProfile& profile, bool has_person);

// The tables of suggest_edits, where `names` has it. Where they are not installed it is taken out
// of `names`, unless the profile lists it: then throws unsupported.
std::map<std::string, std::filesystem::path> find_tables_for(const ModelProfile& profile,
                                                             const Paths& paths,
                                                             std::vector<std::string>& names);

}  // namespace corvid::runtime
