#pragma once

#include <span>
#include <string>

#include "memory/ports.h"
#include "memory/store.h"

namespace corvid::memory {

// Stores `next` as the newer version of a turn: with its vector and facts, in the same cells.
// Inside the caller's transaction.
void put_version(Store& store, const Ports& ports, TurnId old, Turn& next, Time now);

// See Memory::edit; what lies in none of the `scopes` does not exist. One transaction.
WriteResult edit(Store& store, const Ports& ports, std::span<const ScopeId> scopes,
                 const std::string& id, const std::string& text);

}  // namespace corvid::memory
