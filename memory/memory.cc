#include "memory/memory.h"

#include <algorithm>
#include <charconv>

#include "memory/consolidate/profile.h"
#include "memory/consolidate/scenes.h"
#include "memory/consolidate/told.h"
#include "memory/ingest/foresight.h"
#include "memory/manage/memory_state.h"
#include "runtime/base/error.h"

namespace corvid::memory {
namespace {

// The source and whatever was said of the same: that is what decides its status.
Why why_fact(const Store& store, const Fact& fact) {
  Why why{.id = fact_name(fact.id), .kind = "fact"};
  why.deriver = fact.deriver;
  for (const Fact& rival : store.rivals(fact, Rivals::all)) {
    if (auto turn = store.turn(rival.turn)) why.sources.push_back(std::move(*turn));
  }
  why.history = store.events("turn", fact.turn);
  return why;
}

}  // namespace

std::string turn_name(TurnId id) { return "t" + std::to_string(id); }
std::string cell_name(CellId id) { return "c" + std::to_string(id); }

std::string fact_name(FactId id) { return "f" + std::to_string(id); }

std::string item_name(ItemId id) { return "p" + std::to_string(id); }

std::string_view status_name(Fact::Status status) {
  switch (status) {
    case Fact::Status::active: return "active";
    case Fact::Status::confirmed: return "confirmed";
    case Fact::Status::superseded: return "superseded";
    case Fact::Status::disputed: return "disputed";
  }
  return "unknown";
}

std::string_view status_name(ProfileItem::Status status) {
  switch (status) {
    case ProfileItem::Status::proposed: return "proposed";
    case ProfileItem::Status::approved: return "approved";
    case ProfileItem::Status::rejected: return "rejected";
    case ProfileItem::Status::confirmed: return "confirmed";
  }
  return "unknown";
}

std::string_view status_name(Foresight::Status status) {
  switch (status) {
    case Foresight::Status::planned: return "planned";
    case Foresight::Status::kept: return "kept";
    case Foresight::Status::expired: return "expired";
    case Foresight::Status::withdrawn: return "withdrawn";
  }
  return "unknown";
}

std::optional<int64_t> parse_id(std::string_view text, char letter) {
  if (text.size() < 2 || text[0] != letter || text[1] < '1' || text[1] > '9') return std::nullopt;
  int64_t id = 0;
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

bool holds_web_text(const Recall& recall) {
  for (const Hit& hit : recall.hits) {
    const bool is_shown = recall.context.find("[" + hit.id + " ") != std::string::npos;
    if (hit.tier == Tier::web && is_shown) return true;
  }
  return false;
}

std::string_view tier_name(Tier tier) {
  switch (tier) {
    case Tier::web: return "web";
    case Tier::tool: return "tool";
    case Tier::assistant: return "assistant";
    case Tier::project: return "project";
    case Tier::user: return "user";
  }
  return "unknown";
}

Memory::Memory(const MemoryConfig& config, Ports ports)
    : state_(std::make_unique<State>(config, std::move(ports))) {}

Memory::~Memory() = default;

std::vector<WriteResult> Memory::remember(std::span<const NewTurn> turns) {
  const std::unique_lock lock(state_->ingest_mutex);
  const bool is_person = std::ranges::all_of(turns, &NewTurn::allow_paused);
  return state_->ingest.remember(turns, is_person ? "user" : "agent", "append");
}

void Memory::mark_untrusted(const std::string& session) {
  const std::unique_lock lock(state_->ingest_mutex);
  state_->ingest.mark_untrusted(session);
}

WriteResult Memory::remember(const NewTurn& turn) { return remember(std::span(&turn, 1)).front(); }

void Memory::close_session(const std::string& session) {
  const std::unique_lock lock(state_->ingest_mutex);
  state_->ingest.close_session(session);
}

Recall Memory::recall(std::string_view question, const RecallOptions& options) const {
  return recall(question, options, {.scope = state_->config.scope});
}

Recall Memory::recall(std::string_view question, const RecallOptions& options,
                      const ScopeFilter& filter) const {
  Recall first = state_->recaller.recall(question, options, filter, {});
  const int limit = std::min(options.sub_queries, kSubQueriesMax);
  if (limit <= 0 || !state_->ports.complete) return first;
  const std::vector<std::string> besides = read_questions(
      state_->ports.complete(questions_prompt(question, first.context), kQuestionsSchema), limit);
  if (besides.empty()) return first;
  Recall all = state_->recaller.recall(question, options, filter, besides);
  all.ms += first.ms;
  all.sub_queries = besides;
  return all;
}

std::vector<MemCell> Memory::cells(const ScopeFilter& filter, int limit) const {
  std::vector<MemCell> cells = state_->store->cells(state_->store->find_scopes(filter),
                                                    std::clamp(limit, 0, kCellsMax));
  for (MemCell& cell : cells) cell = state_->complete(std::move(cell));
  return cells;
}

std::vector<MemCell> Memory::cells(int limit) const {
  return cells({.scope = state_->config.scope}, limit);
}

std::vector<Fact> Memory::facts(const ScopeFilter& filter, int limit) const {
  return state_->store->facts(state_->store->find_scopes(filter), std::clamp(limit, 0, kCellsMax));
}

std::vector<Foresight> Memory::foresights(const ScopeFilter& filter, Time at) const {
  const Store& store = *state_->store;
  return settle_foresights(store.foresights(store.find_scopes(filter)), at);
}

std::vector<MemScene> Memory::scenes(const ScopeFilter& filter, int limit) const {
  const Store& store = *state_->store;
  std::vector<MemScene> scenes =
      find_scenes(store, store.find_scopes(filter), state_->ports.embedder);
  std::ranges::reverse(scenes);
  scenes.resize(std::min(scenes.size(), static_cast<size_t>(std::max(limit, 0))));
  return scenes;
}

std::vector<ProfileItem> Memory::profile(const ScopeFilter& filter) const {
  const Store& store = *state_->store;
  const std::vector<ScopeId> scopes = store.find_scopes(filter);
  std::vector<ScopeId> own = scopes;
  if (const auto shared = store.find_scope({filter.scope.tenant, kEverywhere, kEverywhere, ""})) {
    std::erase(own, *shared);
  }
  return profile_items(store, scopes, own);
}

std::optional<Turn> Memory::turn(TurnId id) const {
  std::optional<Turn> turn = state_->store->turn(id);
  if (turn && !state_->is_own(turn->scope)) return std::nullopt;
  return turn;
}

std::optional<MemCell> Memory::cell(CellId id) const {
  std::optional<MemCell> cell = state_->store->cell(id);
  if (!cell || !state_->is_own(cell->scope)) return std::nullopt;
  return state_->complete(std::move(*cell));
}

std::vector<Turn> Memory::cell_turns(const MemCell& cell) const {
  std::vector<Turn> turns;
  for (const TurnId id : cell.turns) {
    if (auto found = turn(id)) turns.push_back(std::move(*found));
  }
  return turns;
}

std::optional<Why> Memory::why(std::string_view id) const {
  Why why{.id = std::string(id)};
  const Store& store = *state_->store;
  if (const auto turn_id = parse_id(id, 't')) {
    why.kind = "turn";
    std::optional<Turn> found = store.turn(*turn_id);
    // Whose a forgotten one was is not known: with other users in the store nobody is told.
    const bool is_own = found ? state_->is_own(found->scope)
                              : state_->own_scopes() == store.all_scopes();
    if (!is_own) return std::nullopt;
    why.history = store.events("turn", *turn_id);
    if (found) {
      for (const CellId cell : store.cells_of_turn(*turn_id)) {
        why.derived.push_back(cell_name(cell));
      }
      for (const Fact& fact : store.facts_of_turn(*turn_id)) {
        why.derived.push_back(fact_name(fact.id));
      }
      for (const TurnId version : store.versions_of(*turn_id)) {
        why.derived.push_back(turn_name(version));
      }
      why.sources.push_back(std::move(*found));
    } else if (why.history.empty()) {
      return std::nullopt;
    }
    return why;
  }
  if (const auto fact_id = parse_id(id, 'f')) {
    const std::optional<Fact> fact = store.fact(*fact_id);
    if (!fact || !state_->is_own(fact->scope)) return std::nullopt;
    return why_fact(store, *fact);
  }
  if (const auto item_id = parse_id(id, 'p')) {
    const std::optional<ProfileItem> item = store.item(*item_id);
    if (!item || !state_->is_own(item->scope)) return std::nullopt;
    why.kind = "profile item";
    why.deriver = item->deriver;
    for (auto& [turn_id, turn] : store.turns(item->turns)) {
      if (state_->is_own(turn.scope)) why.sources.push_back(std::move(turn));
    }
    why.history = store.events("profile", *item_id);
    return why;
  }
  const auto cell_id = parse_id(id, 'c');
  if (!cell_id) {
    fail(Code::invalid, "'" + std::string(id) +
                            "' is not the id of a memory; ids look like t12, c3, f6 or p7");
  }
  const std::optional<MemCell> found = cell(*cell_id);
  if (!found) return std::nullopt;
  why.kind = "cell";
  why.sources = cell_turns(*found);
  why.deriver = found->deriver;
  why.history = store.events("cell", *cell_id);
  return why;
}

MemoryStats Memory::stats() const {
  MemoryStats stats = state_->store->stats();
  stats.durability = durability();
  stats.embedder = state_->ports.embedder;
  return stats;
}

const Scope& Memory::scope() const { return state_->config.scope; }

std::string Memory::durability() const { return state_->store->durability(); }

}  // namespace corvid::memory
