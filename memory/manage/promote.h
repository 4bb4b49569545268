#pragma once

#include <optional>
#include <span>
#include <string>

#include "memory/ingest/settle.h"
#include "memory/store.h"

namespace corvid::memory {

// Moves one turn; the caller settles what is `changed` at the end of its transaction.
void move_turn(Store& store, TurnId turn, ScopeId to, Unsettled& changed);

// Shows the turns that the ids name (t12, c3, f6), with their versions, facts and plans, in `to`
// instead of where they were said; 0: there again. Those in `widest` go nowhere but back: whoever
// sees them would lose them. What lies in none of the `scopes` does not exist. How many turns
// moved. Inside the caller's transaction; throws not_found, invalid.
int64_t move_turns(Store& store, std::span<const ScopeId> scopes,
                   std::span<const std::string> ids, ScopeId to, std::optional<ScopeId> widest,
                   Time now);

}  // namespace corvid::memory
