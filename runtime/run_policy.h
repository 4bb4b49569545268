#pragma once
// What a run's commands may touch, and what its steps may do.

#include <filesystem>
#include <memory>
#include <vector>

#include "policies/policy.h"
#include "runtime/paths.h"
#include "runtime/run_options.h"
#include "sandbox/profile.h"
#include "tools/workspace.h"

namespace corvid::runtime {

// Before any rule: the system, and nothing of Corvid's own folders, which hold keys and all that
// was ever said.
sandbox::Profile run_base_profile(const Paths& paths);

// The folders of --allow-read. Throws invalid for one that is not there.
std::vector<std::filesystem::path> readable_folders(const RunOptions& options);

// `protected_folders` stay read-only beneath the workspace; `can_ask`: a person is there.
std::unique_ptr<policies::Policy> make_run_policy(
    const RunOptions& options, const Paths& paths, const tools::Workspace& workspace,
    std::vector<std::filesystem::path> protected_folders, bool can_ask);

}  // namespace corvid::runtime
