#include "memory/stores/support/vectors.h"

namespace corvid::memory {
namespace {

int64_t embedder_id(SqlDb& db, std::string_view embedder) {
  Statement find(db, "SELECT id FROM embedder WHERE name = ?");
  if (find.bind(1, embedder).step()) return find.integer(0);
  Statement add(db, "INSERT INTO embedder(name) VALUES(?) RETURNING id");
  add.bind(1, embedder).step();
  return add.integer(0);
}

}  // namespace

void put_vector(SqlDb& db, TurnId turn, std::string_view embedder,
                std::span<const int8_t> vector) {
  Statement put(db, db.replace("embedding", "embedder_id, turn_id, vector"));
  put.bind(1, embedder_id(db, embedder)).bind(2, turn).bind(3, vector).run();
}

void for_each_vector(SqlDb& db, const VectorQuery& query,
                     const std::function<void(TurnId, std::span<const int8_t>)>& visit) {
  Statement find(db,
                 "SELECT e.turn_id, e.vector FROM embedding e JOIN turn t ON t.id = e.turn_id"
                 " WHERE e.embedder_id = (SELECT id FROM embedder WHERE name = ?1)"
                 " AND e.turn_id > ?2 AND " + db.among("t.scope_id", 3) + " ORDER BY e.turn_id");
  find.bind(1, query.embedder).bind(2, query.after).bind_ids(3, query.scopes).in_pages();
  while (find.step()) visit(find.integer(0), find.bytes(1));
}

std::vector<TurnId> without_vector(SqlDb& db, std::string_view embedder, int limit) {
  if (db.is_sqlite()) {
    // Counting entries of narrow indexes is much less than looking each turn up.
    Statement made(db,
                   "SELECT count(*) FROM embedding INDEXED BY embedding_turn WHERE embedder_id ="
                   " (SELECT id FROM embedder WHERE name = ?1)");
    made.bind(1, embedder);
    if (made.step() && made.integer(0) == db.number("SELECT count(*) FROM turn")) return {};
  }
  Statement find(db,
                 "SELECT id FROM turn WHERE NOT EXISTS (SELECT 1 FROM embedding e WHERE"
                 " e.turn_id = turn.id AND e.embedder_id ="
                 " (SELECT id FROM embedder WHERE name = ?1)) ORDER BY id LIMIT ?2");
  return find.bind(1, embedder).bind(2, limit).ids();
}

}  // namespace corvid::memory
