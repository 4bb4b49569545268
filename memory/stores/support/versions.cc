#include "memory/stores/support/versions.h"

#include "memory/stores/support/rows.h"

namespace corvid::memory {

void put_amendment(SqlDb& db, TurnId turn, TurnId by, Time at) {
  if (by < 0) {
    Statement(db, "DELETE FROM amendment WHERE turn_id = ?").bind(1, turn).run();
    return;
  }
  Statement put(db, db.replace("amendment", "turn_id, by_turn, at"));
  put.bind(1, turn).bind(2, by).bind(3, to_ms(at)).run();
}

std::optional<TurnId> amended_by(SqlDb& db, TurnId turn) {
  Statement find(db, "SELECT by_turn FROM amendment WHERE turn_id = ?");
  if (!find.bind(1, turn).step()) return std::nullopt;
  return find.integer(0);
}

std::vector<TurnId> versions_of(SqlDb& db, TurnId turn) {
  Statement find(db,
                 "SELECT turn_id FROM amendment WHERE by_turn = ?1 UNION"
                 " SELECT by_turn FROM amendment WHERE turn_id = ?1 AND by_turn > 0 ORDER BY 1");
  return find.bind(1, turn).ids();
}

void erase_amendments(SqlDb& db, TurnId turn) {
  Statement(db, "DELETE FROM amendment WHERE turn_id = ?1 OR by_turn = ?1").bind(1, turn).run();
}

void set_paused(SqlDb& db, ScopeId scope, bool paused, Time since) {
  if (paused) {
    Statement put(db, "INSERT INTO pause(scope_id, since) VALUES(?, ?) ON CONFLICT DO NOTHING");
    put.bind(1, scope).bind(2, to_ms(since)).run();
  } else {
    Statement(db, "DELETE FROM pause WHERE scope_id = ?").bind(1, scope).run();
  }
}

bool is_paused(SqlDb& db, ScopeId scope) {
  Statement find(db, "SELECT 1 FROM pause WHERE scope_id IN (0, ?)");
  return find.bind(1, scope).step();
}

}  // namespace corvid::memory
