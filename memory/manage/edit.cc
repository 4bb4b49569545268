#include "memory/manage/edit.h"

#include <algorithm>

#include "memory/ingest/annotate.h"
#include "memory/ingest/facts.h"
#include "memory/ingest/foresight.h"
#include "memory/ingest/ingest.h"
#include "memory/ingest/settle.h"
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

struct Stated {
  std::string subject{}, key{}, value{};
  bool operator==(const Stated&) const = default;
};

std::vector<Stated> statements_in(Turn turn, const std::string& text) {
  turn.text = text;
  std::vector<Stated> out;
  for (const Fact& fact : facts_of(turn)) {
    out.push_back({fact.subject, fact.key, plain_words(fact.value)});
  }
  return out;
}

// The turn's text with another value where it states the fact, so that it states this and, besides,
// what it stated before; "": there is no such place.
std::string with_value(const Turn& turn, const Fact& fact, std::string_view value) {
  std::vector<Stated> wanted = statements_in(turn, turn.text);
  std::string words = plain_words(value);
  for (const char* article : {"a ", "an ", "the "}) {
    if (words.starts_with(article)) words.erase(0, std::string_view(article).size());
  }
  for (Stated& one : wanted) {
    if (one.subject == fact.subject && one.key == fact.key) one.value = words;
  }
  const size_t sentence = turn.text.find(fact.text);
  size_t place = sentence == std::string::npos ? 0 : sentence;
  for (; (place = turn.text.find(fact.value, place)) != std::string::npos; ++place) {
    std::string text = turn.text;
    text.replace(place, fact.value.size(), value);
    if (statements_in(turn, text) == wanted) return text;
  }
  return "";
}

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
  correction.text = with_value(*turn, *fact, trim(text));
  if (correction.text.empty()) {
    fail(Code::invalid, "edit " + turn_name(turn->id) + ", which states " + id);
  }
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
  given.said_offset = old.said_offset;
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

void put_version(Store& store, const Ports& ports, TurnId old, Turn& next, Time now) {
  store.add_turn(next);
  if (ports.embed) store.put_vector(next.id, ports.embedder, turn_vector(next, ports.embed));
  store.put_amendment(old, next.id, now);
  Unsettled changed;
  drop_facts(store, old, changed);
  add_facts(store, next, changed);
  settle_facts(store, changed);
  add_foresights(store, next);
  for (const CellId cell : store.cells_of_turn(old)) {
    store.add_cell_turn(cell, next.id);
    derive_again(store, cell);
  }
  store.raise_generation();
}

WriteResult edit(Store& store, const Ports& ports, std::span<const ScopeId> scopes,
                 const std::string& id, const std::string& text) {
  const Time now = ports.now ? ports.now() : system_now();
  WriteResult result;
  store.write([&] {
    const Correction correction = find(store, scopes, id, text);
    const Turn& old = correction.old;
    Turn turn = next_version(correction, now);
    result.redactions = turn.redactions;
    put_version(store, ports, old.id, turn, now);
    result.id = turn.id;
    const auto note = [&](const char* op, TurnId which) {
      store.add_event({.at = now, .actor = "user", .op = op, .kind = "turn", .first_id = which,
                       .last_id = which, .reason = ""});
    };
    note("amend", old.id);
    note("append", turn.id);
  });
  return result;
}

}  // namespace corvid::memory
