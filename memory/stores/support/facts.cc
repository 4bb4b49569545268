#include "memory/stores/support/facts.h"

#include "memory/stores/support/rows.h"

namespace corvid::memory {
namespace {

constexpr const char* kColumns =
    "SELECT id, scope_id, turn_id, subject, key, value, text, valid_from, closed_at, tier, status,"
    " superseded_by, deriver FROM fact ";

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

std::string query(const char* rest) { return std::string(kColumns) + rest; }

}  // namespace

FactId put_fact(SqliteDb& db, const Fact& fact) {
  Statement put(db,
                "INSERT OR REPLACE INTO fact(id, scope_id, turn_id, subject, key, value, text,"
                " valid_from, closed_at, tier, status, superseded_by, deriver)"
                " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  fact.id == 0 ? put.bind_null(1) : put.bind(1, fact.id);
  put.bind(2, fact.scope).bind(3, fact.turn).bind(4, fact.subject).bind(5, fact.key);
  put.bind(6, fact.value).bind(7, fact.text).bind(8, to_ms(fact.valid_from));
  fact.closed_at ? put.bind(9, to_ms(*fact.closed_at)) : put.bind_null(9);
  put.bind(10, static_cast<int64_t>(fact.tier)).bind(11, static_cast<int64_t>(fact.status));
  put.bind(12, fact.superseded_by).bind(13, fact.deriver).run();
  return fact.id == 0 ? db.last_id() : fact.id;
}

std::optional<Fact> find_fact(SqliteDb& db, FactId id) {
  Statement find(db, query("WHERE id = ?"));
  if (!find.bind(1, id).step()) return std::nullopt;
  return read_fact(find);
}

std::vector<Fact> find_facts(SqliteDb& db, const std::string& scopes, int limit) {
  Statement find(db, query("WHERE scope_id IN (SELECT value FROM json_each(?1))"
                           " ORDER BY id LIMIT ?2"));
  find.bind(1, "[" + scopes + "]").bind(2, limit);
  return read_all(find);
}

std::vector<Fact> facts_of_turn(SqliteDb& db, TurnId id) {
  Statement find(db, query("WHERE turn_id = ? ORDER BY id"));
  find.bind(1, id);
  return read_all(find);
}

std::vector<Fact> find_rivals(SqliteDb& db, const Fact& fact) {
  Statement find(db, query("WHERE scope_id = ? AND subject = ? AND key = ?"
                           " ORDER BY valid_from, turn_id, id"));
  find.bind(1, fact.scope).bind(2, fact.subject).bind(3, fact.key);
  return read_all(find);
}

void put_foresight(SqliteDb& db, const Foresight& foresight) {
  Statement put(db,
                "INSERT OR REPLACE INTO foresight(id, scope_id, turn_id, kind, subject, text,"
                " words, said_at, valid_from, valid_to, deriver)"
                " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  foresight.id == 0 ? put.bind_null(1) : put.bind(1, foresight.id);
  put.bind(2, foresight.scope).bind(3, foresight.turn);
  put.bind(4, static_cast<int64_t>(foresight.kind)).bind(5, foresight.subject);
  put.bind(6, foresight.text).bind(7, foresight.words).bind(8, to_ms(foresight.said_at));
  put.bind(9, to_ms(foresight.valid_from));
  foresight.valid_to ? put.bind(10, to_ms(*foresight.valid_to)) : put.bind_null(10);
  put.bind(11, foresight.deriver).run();
}

std::vector<Foresight> find_foresights(SqliteDb& db, const std::string& scopes) {
  Statement find(db,
                 "SELECT id, scope_id, turn_id, kind, subject, text, words, said_at, valid_from,"
                 " valid_to, deriver FROM foresight WHERE scope_id IN"
                 " (SELECT value FROM json_each(?1)) ORDER BY said_at, turn_id, id");
  find.bind(1, "[" + scopes + "]");
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
