#pragma once

#include <optional>
#include <vector>

#include "memory/stores/support/sqlite_db.h"
#include "memory/types.h"

namespace corvid::memory {

// See Store. Inside the caller's lock and, for what writes, transaction.
void put_amendment(SqliteDb& db, TurnId turn, TurnId by, Time at);
std::optional<TurnId> amended_by(SqliteDb& db, TurnId turn);
std::vector<TurnId> versions_of(SqliteDb& db, TurnId turn);
void erase_amendments(SqliteDb& db, TurnId turn);  // that name the turn

void set_paused(SqliteDb& db, ScopeId scope, bool paused, Time since);
bool is_paused(SqliteDb& db, ScopeId scope);

}  // namespace corvid::memory
