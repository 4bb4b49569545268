#pragma once

#include <optional>
#include <string>
#include <vector>

#include "memory/stores/support/sqlite_db.h"
#include "memory/types.h"

namespace corvid::memory {

// See Store. Inside the caller's lock and, for put_fact, transaction. `scopes` is "1,2,3".
FactId put_fact(SqliteDb& db, const Fact& fact);
std::optional<Fact> find_fact(SqliteDb& db, FactId id);
std::vector<Fact> find_facts(SqliteDb& db, const std::string& scopes, int limit);
std::vector<Fact> facts_of_turn(SqliteDb& db, TurnId id);
std::vector<Fact> find_rivals(SqliteDb& db, const Fact& fact);


void put_foresight(SqliteDb& db, const Foresight& foresight);
std::vector<Foresight> find_foresights(SqliteDb& db, const std::string& scopes);

}  // namespace corvid::memory
