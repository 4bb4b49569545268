#include "memory/stores/support/vectors.h"

namespace corvid::memory {

void put_vector(SqliteDb& db, TurnId turn, std::string_view embedder,
                std::span<const int8_t> vector) {
  Statement name(db, "INSERT OR IGNORE INTO embedder(name) VALUES(?)");
  name.bind(1, embedder).run();
  Statement put(db,
                "INSERT OR REPLACE INTO embedding(embedder_id, turn_id, vector)"
                " SELECT id, ?2, ?3 FROM embedder WHERE name = ?1");
  put.bind(1, embedder).bind(2, turn).bind(3, vector).run();
}

void for_each_vector(SqliteDb& db, const VectorQuery& query,
                     const std::function<void(TurnId, std::span<const int8_t>)>& visit) {
  Statement find(db,
                 "SELECT e.turn_id, e.vector FROM embedding e JOIN turn t ON t.id = e.turn_id"
                 " WHERE e.embedder_id = (SELECT id FROM embedder WHERE name = ?1)"
                 " AND e.turn_id > ?2 AND t.scope_id IN (SELECT value FROM json_each(?3))"
                 " ORDER BY e.turn_id");
  find.bind(1, query.embedder).bind(2, query.after).bind(3, "[" + query.scopes + "]");
  while (find.step()) visit(find.integer(0), find.bytes(1));
}

std::vector<TurnId> without_vector(SqliteDb& db, std::string_view embedder, int limit) {
  Statement find(db,
                 "SELECT id FROM turn WHERE NOT EXISTS (SELECT 1 FROM embedding e WHERE"
                 " e.turn_id = turn.id AND e.embedder_id ="
                 " (SELECT id FROM embedder WHERE name = ?1)) ORDER BY id LIMIT ?2");
  find.bind(1, embedder).bind(2, limit);
  std::vector<TurnId> ids;
  while (find.step()) ids.push_back(find.integer(0));
  return ids;
}

}  // namespace corvid::memory
