#pragma once

#include <span>
#include <string>

#include "memory/ports.h"
#include "memory/store.h"

namespace corvid::memory {

inline constexpr size_t kForgetTurnsMax = 100'000;  // in one request

ForgetPreview find_to_forget(const Store& store, const ForgetRequest& request,
                             std::span<const ScopeId> scopes);

struct Forgetting {
  std::string reason{};
  Time now{};
  Scope everywhere{};  // the user's, of all projects
};

// Erases the turns in one transaction, with the cells that have no other source (others are derived
// anew), leaves tombstones where they were said or, with ForgetPreview::all_projects, everywhere,
// then removes the traces from the files.
Forgotten erase(Store& store, const ForgetPreview& confirmed, const Forgetting& how);

}  // namespace corvid::memory
