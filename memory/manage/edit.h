#pragma once

#include <span>
#include <string>

#include "memory/ports.h"
#include "memory/store.h"

namespace corvid::memory {

// See Memory::edit; what lies in none of the `scopes` does not exist. One transaction.
WriteResult edit(Store& store, const Ports& ports, std::span<const ScopeId> scopes,
                 const std::string& id, const std::string& text);

}  // namespace corvid::memory
