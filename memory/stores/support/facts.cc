#include "memory/stores/support/facts.h"

#include <algorithm>
#include <iterator>

#include "memory/stores/support/rows.h"

namespace corvid::memory {
namespace {

constexpr const char* kFactColumns =
    "id, scope_id, turn_id, subject, key, value, text, valid_from, closed_at, tier, status,"
    " superseded_by, deriver";
constexpr const char* kForesightColumns =
    "id, scope_id, turn_id, kind, subject, text, words, said_at, valid_from, valid_to, deriver";
constexpr int64_t kBesideMax = 1'000;
constexpr const char* kOpen = " AND status <> 2";  // as the index fact_open says it
// The sign keeps SQLite from reading all of a key in this order rather than what it needs.
constexpr const char* kByTime = " ORDER BY +valid_from, turn_id, id";

Fact read_fact(const Statement& row) {
  Fact fact;
  fact.id = row.integer(0);
  fact.scope = row.integer(1);
  fact.turn = row.integer(2);
  fact.subject = row.text(3);
  fact.key = row.text(4);
  fact.value = row.text(5);
  fact.text = row.text(6);
  fact.valid_from = Time(std::chrono::milliseconds(row.integer(7)));
  if (!row.is_null(8)) fact.closed_at = Time(std::chrono::milliseconds(row.integer(8)));
  fact.tier = static_cast<Tier>(row.integer(9));
  fact.status = static_cast<Fact::Status>(row.integer(10));
  fact.superseded_by = row.integer(11);
  fact.deriver = row.text(12);
  return fact;
}

std::vector<Fact> read_all(Statement& find) {
  std::vector<Fact> facts;
  while (find.step()) facts.push_back(read_fact(find));
  return facts;
}

std::string query(const std::string& rest) {
  return std::string("SELECT ") + kFactColumns + " FROM fact " + rest;
}

// Of one key: scope ?1, subject ?2, key ?3.
std::string of_key(SqlDb& db) {
  const char* const hashed =
      db.is_sqlite() ? "" : " AND key_hash = hashtextextended(?2 || '/' || ?3, 0)";
  return std::string("WHERE scope_id = ?1 AND subject = ?2 AND key = ?3") + hashed;
}

}  // namespace

FactId put_fact(SqlDb& db, const Fact& fact) {
  Statement put(db, db.replace("fact", kFactColumns) + " RETURNING id");
  fact.id == 0 ? put.bind_null(1) : put.bind(1, fact.id);
  put.bind(2, fact.scope).bind(3, fact.turn).bind(4, fact.subject).bind(5, fact.key);
  put.bind(6, fact.value).bind(7, fact.text).bind(8, to_ms(fact.valid_from));
  fact.closed_at ? put.bind(9, to_ms(*fact.closed_at)) : put.bind_null(9);
  put.bind(10, static_cast<int64_t>(fact.tier)).bind(11, static_cast<int64_t>(fact.status));
  put.bind(12, fact.superseded_by).bind(13, fact.deriver).step();
  return put.integer(0);
}

std::optional<Fact> find_fact(SqlDb& db, FactId id) {
  Statement find(db, query("WHERE id = ?"));
  if (!find.bind(1, id).step()) return std::nullopt;
  return read_fact(find);
}

std::vector<Fact> find_facts(SqlDb& db, std::span<const ScopeId> scopes, int limit) {
  Statement find(db, query("WHERE " + db.among("scope_id", 1) + " ORDER BY id LIMIT ?2"));
  find.bind_ids(1, scopes).bind(2, limit);
  return read_all(find);
}

std::vector<Fact> facts_of_turn(SqlDb& db, TurnId id) {
  Statement find(db, query("WHERE turn_id = ? ORDER BY id"));
  find.bind(1, id);
  return read_all(find);
}

std::vector<Fact> find_rivals(SqlDb& db, const Fact& fact, Rivals which) {
  const std::string open = which == Rivals::all ? "" : kOpen;
  const std::string active = which == Rivals::active ? " AND status = 0" : "";
  Statement find(db, query(of_key(db) + open + active + kByTime));
  find.bind(1, fact.scope).bind(2, fact.subject).bind(3, fact.key);
  return read_all(find);
}

bool is_latest(SqlDb& db, const Fact& fact) {
  Statement find(db, "SELECT 1 FROM fact " + of_key(db) +
                         " AND valid_from >= ?4 AND (valid_from > ?4 OR turn_id > ?5) LIMIT 1");
  find.bind(1, fact.scope).bind(2, fact.subject).bind(3, fact.key);
  return !find.bind(4, to_ms(fact.valid_from)).bind(5, fact.turn).step();
}

std::vector<Fact> facts_beside(SqlDb& db, std::span<const TurnId> turns) {
  // On a server the hash alone: what it holds too much does no harm.
  const std::string key = db.is_sqlite() ? "subject, key" : "key_hash";
  const std::string same = db.is_sqlite() ? "b.subject = a.subject AND b.key = a.key"
                                          : "b.key_hash = a.key_hash";
  const std::string own = " FROM fact WHERE " + db.among("turn_id", 1);
  Statement find(db, query("WHERE " + db.among("turn_id", 1)));
  find.bind_ids(1, turns);
  std::vector<Fact> facts = read_all(find);
  if (facts.empty()) return facts;
  Statement beside(db, query("WHERE id IN (SELECT b.id FROM (SELECT DISTINCT scope_id, " + key +
                             own + ") a JOIN fact b ON b.scope_id = a.scope_id AND " + same +
                             " WHERE b.status <> 2 AND b.status IN (0, 3))"
                             " ORDER BY status, valid_from DESC LIMIT ?2"));
  beside.bind_ids(1, turns).bind(2, kBesideMax);
  std::ranges::move(read_all(beside), std::back_inserter(facts));
  return facts;
}

void erase_of(SqlDb& db, const std::string& table, TurnId turn, std::string_view deriver) {
  Statement erase(db, "DELETE FROM " + table + " WHERE turn_id = ?1 AND (?2 = '' OR deriver = ?2)");
  erase.bind(1, turn).bind(2, deriver).run();
}

void put_foresight(SqlDb& db, const Foresight& foresight) {
  Statement put(db, db.replace("foresight", kForesightColumns));
  foresight.id == 0 ? put.bind_null(1) : put.bind(1, foresight.id);
  put.bind(2, foresight.scope).bind(3, foresight.turn);
  put.bind(4, static_cast<int64_t>(foresight.kind)).bind(5, foresight.subject);
  put.bind(6, foresight.text).bind(7, foresight.words).bind(8, to_ms(foresight.said_at));
  put.bind(9, to_ms(foresight.valid_from));
  foresight.valid_to ? put.bind(10, to_ms(*foresight.valid_to)) : put.bind_null(10);
  put.bind(11, foresight.deriver).run();
}

std::vector<Foresight> find_foresights(SqlDb& db, std::span<const ScopeId> scopes) {
  Statement find(db, std::string("SELECT ") + kForesightColumns + " FROM foresight WHERE " +
                         db.among("scope_id", 1) + " ORDER BY said_at, turn_id, id");
  find.bind_ids(1, scopes);
  std::vector<Foresight> found;
  while (find.step()) {
    const auto time = [&](int column) {
      return Time(std::chrono::milliseconds(find.integer(column)));
    };
    Foresight& row = found.emplace_back();
    row.id = find.integer(0);
    row.scope = find.integer(1);
    row.turn = find.integer(2);
    row.kind = static_cast<Foresight::Kind>(find.integer(3));
    row.subject = find.text(4);
    row.text = find.text(5);
    row.words = find.text(6);
    row.said_at = time(7);
    row.valid_from = time(8);
    if (!find.is_null(9)) row.valid_to = time(9);
    row.deriver = find.text(10);
  }
  return found;
}

}  // namespace corvid::memory
