#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "memory/store.h"
#include "memory/stores/support/sql.h"

namespace corvid::memory {

// See Store. Inside the caller's lock and, for what writes, transaction.
FactId put_fact(SqlDb& db, const Fact& fact);
std::optional<Fact> find_fact(SqlDb& db, FactId id);
std::vector<Fact> find_facts(SqlDb& db, std::span<const ScopeId> scopes, int limit);
std::vector<Fact> facts_of_turn(SqlDb& db, TurnId id);
std::vector<Fact> find_rivals(SqlDb& db, const Fact& fact, Rivals which);
bool is_latest(SqlDb& db, const Fact& fact);
std::vector<Fact> facts_beside(SqlDb& db, std::span<const TurnId> turns);

// Rows of "fact" or "foresight" of a turn and, unless it is "", a deriver.
void erase_of(SqlDb& db, const std::string& table, TurnId turn, std::string_view deriver);

void put_foresight(SqlDb& db, const Foresight& foresight);
std::vector<Foresight> find_foresights(SqlDb& db, std::span<const ScopeId> scopes);

}  // namespace corvid::memory
