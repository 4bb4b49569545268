#pragma once

#include <optional>
#include <vector>

#include "memory/stores/support/sql.h"
#include "memory/types.h"

namespace corvid::memory {

// See Store. Inside the caller's lock and, for what writes, transaction.
void put_amendment(SqlDb& db, TurnId turn, TurnId by, Time at);
std::optional<TurnId> amended_by(SqlDb& db, TurnId turn);
std::vector<TurnId> versions_of(SqlDb& db, TurnId turn);
void erase_amendments(SqlDb& db, TurnId turn);  // that name the turn

void set_paused(SqlDb& db, ScopeId scope, bool paused, Time since);
bool is_paused(SqlDb& db, ScopeId scope);

}  // namespace corvid::memory
