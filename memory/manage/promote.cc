#include "memory/manage/promote.h"

#include <algorithm>
#include <map>

#include "memory/ingest/settle.h"
#include "memory/manage/forget.h"
#include "runtime/base/error.h"

namespace corvid::memory {

void move_turn(Store& store, TurnId turn, ScopeId to, Unsettled& changed) {
  for (Fact& fact : store.facts_of_turn(turn)) changed.try_emplace(key_of(fact), std::move(fact));
  store.move_turn(turn, to);
  for (Fact& fact : store.facts_of_turn(turn)) changed.try_emplace(key_of(fact), std::move(fact));
}

int64_t move_turns(Store& store, std::span<const ScopeId> scopes,
                   std::span<const std::string> ids, ScopeId to, std::optional<ScopeId> widest,
                   Time now) {
  int64_t count = 0;
  for (const std::string& id : ids) {
    // The same finding as before erasing: cells, facts and all versions.
    const ForgetPreview named = find_to_forget(store, {.ids = {id}}, scopes);
    if (named.turns.empty()) fail(Code::not_found, "no memory " + id);
    Unsettled changed;
    for (const Turn& turn : named.turns) {
      const ScopeId home = store.session_scope(turn.session_key);
      const ScopeId target = to == 0 ? home : to;
      if (turn.scope == target || (to != 0 && turn.scope == widest)) continue;
      move_turn(store, turn.id, target, changed);
      store.add_event({.at = now, .actor = "user", .op = to == 0 ? "demote" : "promote",
                       .kind = "turn", .first_id = turn.id, .last_id = turn.id, .reason = ""});
      ++count;
    }
    settle_facts(store, changed);  // where they were and where they are now
  }
  if (count > 0) store.raise_generation();
  return count;
}

}  // namespace corvid::memory
