#include "memory/manage/edit.h"

#include <algorithm>

#include "memory/ingest/facts.h"
#include "memory/ingest/foresight.h"
#include "memory/ingest/ingest.h"
#include "memory/ingest/vector.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

// What the new version says, and of which turn it is one.
struct Correction {
  Turn old{};
  std::string text{};
};

Correction find(const Store& store, std::span<const ScopeId> scopes, const std::string& id,
                const std::string& text) {
  Correction correction{.text = text};
  const std::optional<FactId> fact_id = parse_id(id, 'f');
  std::optional<TurnId> turn_id = parse_id(id, 't');
  if (!fact_id && !turn_id) {
    fail(Code::invalid, "'" + id + "' cannot be edited; turns (t12) and facts (f6) can");
  }
  const std::optional<Fact> fact = fact_id ? store.fact(*fact_id) : std::nullopt;
  if (fact) turn_id = fact->turn;
  const std::optional<Turn> turn = turn_id ? store.turn(*turn_id) : std::nullopt;
  if (!turn || std::ranges::find(scopes, turn->scope) == scopes.end()) {
    fail(Code::not_found, "no memory " + id);
  }
  if (const auto by = store.amended_by(turn->id)) {
    fail(Code::invalid, turn_name(turn->id) + (*by == 0 ? " was withdrawn" : " was replaced by " +
                                                   turn_name(*by) + "; edit that"));
  }
  correction.old = *turn;
  if (!fact) return correction;
  const size_t sentence = turn->text.find(fact->text);
  const size_t place = turn->text.find(fact->value, sentence == std::string::npos ? 0 : sentence);
  if (place == std::string::npos) {
    fail(Code::invalid, "edit " + turn_name(turn->id) + ", which states " + id);
  }
  correction.text = turn->text;
  correction.text.replace(place, fact->value.size(), trim(text));
  return correction;
}

Turn next_version(const Correction& correction, Time now) {
  const Turn& old = correction.old;
  NewTurn given;
  given.session = old.session;
  given.speaker = old.speaker;
  given.role = old.role;
  given.channel = "edit";
  given.tier = Tier::user;
  given.said_at = old.said_at;
  given.text = correction.text;
  given.kind = old.kind;
  Turn turn = prepare_turn(given);
  if (trim(turn.text).empty()) fail(Code::invalid, "an empty text; forget removes a memory");
  turn.scope = old.scope;
  turn.session_key = old.session_key;
  turn.learnt_at = now;
  return turn;
}

}  // namespace

WriteResult edit(Store& store, const Ports& ports, std::span<const ScopeId> scopes,
                 const std::string& id, const std::string& text) {
  const Time now = ports.now ? ports.now() : system_now();
  WriteResult result;
  store.write([&] {
    const Correction correction = find(store, scopes, id, text);
    const Turn& old = correction.old;
    Turn turn = next_version(correction, now);
    result.redactions = turn.redactions;
    result.id = store.add_turn(turn);
    if (ports.embed) store.put_vector(turn.id, ports.embedder, turn_vector(turn, ports.embed));
    store.put_amendment(old.id, turn.id, now);
    drop_facts(store, old.id);
    add_facts(store, turn);
    add_foresights(store, turn);
    for (const CellId cell : store.cells_of_turn(old.id)) {
      store.add_cell_turn(cell, turn.id);
      derive_again(store, cell);
    }
    const auto note = [&](const char* op, TurnId which) {
      store.add_event({.at = now, .actor = "user", .op = op, .kind = "turn", .first_id = which,
                       .last_id = which, .reason = ""});
    };
    note("amend", old.id);
    note("append", turn.id);
    store.raise_generation();
  });
  return result;
}

}  // namespace corvid::memory
