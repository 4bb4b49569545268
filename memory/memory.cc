#include "memory/memory.h"

#include <algorithm>
#include <charconv>
#include <mutex>
#include <set>

#include "memory/ingest/facts.h"
#include "memory/ingest/ingest.h"
#include "memory/ingest/vector.h"
#include "memory/manage/forget.h"
#include "memory/manage/import_turns.h"
#include "memory/recall/recall.h"
#include "memory/store.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

constexpr int kCellsMax = 100'000;
constexpr int kVectorsAtOnce = 5'000;  // in one transaction
constexpr int kVectorsAtOpen = 2'000;  // made when a store is opened; the rest when asked for

// The source and whatever was said of the same: that is what decides its status.
std::optional<Why> why_fact(const Store& store, FactId id) {
  const std::optional<Fact> fact = store.fact(id);
  if (!fact) return std::nullopt;
  Why why{.id = fact_name(id), .kind = "fact"};
  why.deriver = fact->deriver;
  for (const Fact& rival : store.rivals(*fact)) {
    if (auto turn = store.turn(rival.turn)) why.sources.push_back(std::move(*turn));
  }
  why.history = store.events("turn", fact->turn);
  return why;
}

// What facts say, without their ids.
std::multiset<std::string> statements(const Store& store) {
  std::multiset<std::string> out;
  for (const Fact& fact : store.facts(store.all_scopes(), kCellsMax)) {
    const auto by = fact.superseded_by == 0 ? std::nullopt : store.fact(fact.superseded_by);
    out.insert(join({fact.subject, fact.key, fact.value, turn_name(fact.turn),
                     std::string(status_name(fact.status)),
                     by ? turn_name(by->turn) : std::string()},
                    "\n"));
  }
  return out;
}

}  // namespace

std::string turn_name(TurnId id) { return "t" + std::to_string(id); }
std::string cell_name(CellId id) { return "c" + std::to_string(id); }

std::string fact_name(FactId id) { return "f" + std::to_string(id); }

std::string_view status_name(Fact::Status status) {
  switch (status) {
    case Fact::Status::active: return "active";
    case Fact::Status::confirmed: return "confirmed";
    case Fact::Status::superseded: return "superseded";
    case Fact::Status::disputed: return "disputed";
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

struct Memory::State {
  State(const MemoryConfig& given, Ports given_ports)
      : config(given),
        ports(std::move(given_ports)),
        store(make_store(given.store, given.location, given.durability)),
        ingest(*store, ports, given.scope),
        recaller(*store, ports) {
    if (store->lacks_facts()) store->write([this] { rebuild_facts(*store); });
    ingest.complete_vectors(kVectorsAtOpen);
  }

  Time now() const { return ports.now ? ports.now() : system_now(); }

  // What was derived of an open cell so far is not stored; it is made when somebody looks.
  MemCell complete(MemCell cell) const {
    if (!cell.is_open) return cell;
    std::vector<Turn> turns;
    for (const TurnId id : cell.turns) {
      if (auto turn = store->turn(id)) turns.push_back(std::move(*turn));
    }
    derive_cell(cell, turns);
    return cell;
  }

  MemoryConfig config;
  Ports ports;
  std::unique_ptr<Store> store;
  std::mutex ingest_mutex;
  Ingest ingest;  // under ingest_mutex
  Recaller recaller;
};

Memory::Memory(const MemoryConfig& config, Ports ports)
    : state_(std::make_unique<State>(config, std::move(ports))) {}

Memory::~Memory() = default;

std::vector<WriteResult> Memory::remember(std::span<const NewTurn> turns) {
  const std::unique_lock lock(state_->ingest_mutex);
  return state_->ingest.remember(turns, "agent", "append");
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
  return state_->recaller.recall(question, options, filter);
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

std::optional<Turn> Memory::turn(TurnId id) const { return state_->store->turn(id); }

std::optional<MemCell> Memory::cell(CellId id) const {
  std::optional<MemCell> cell = state_->store->cell(id);
  if (cell) cell = state_->complete(std::move(*cell));
  return cell;
}

std::vector<Turn> Memory::cell_turns(const MemCell& cell) const {
  std::vector<Turn> turns;
  for (const TurnId id : cell.turns) {
    if (auto turn = state_->store->turn(id)) turns.push_back(std::move(*turn));
  }
  return turns;
}

std::optional<Why> Memory::why(std::string_view id) const {
  Why why{.id = std::string(id)};
  if (const auto turn_id = parse_id(id, 't')) {
    why.kind = "turn";
    why.history = state_->store->events("turn", *turn_id);
    if (auto found = state_->store->turn(*turn_id)) {
      for (const CellId cell : state_->store->cells_of_turn(*turn_id)) {
        why.derived.push_back(cell_name(cell));
      }
      for (const Fact& fact : state_->store->facts_of_turn(*turn_id)) {
        why.derived.push_back(fact_name(fact.id));
      }
      why.sources.push_back(std::move(*found));
    } else if (why.history.empty()) {
      return std::nullopt;
    }
    return why;
  }
  if (const auto fact_id = parse_id(id, 'f')) return why_fact(*state_->store, *fact_id);
  const auto cell_id = parse_id(id, 'c');
  if (!cell_id) {
    fail(Code::invalid, "'" + std::string(id) +
                            "' is not the id of a memory; ids look like t12, c3 or f6");
  }
  const std::optional<MemCell> found = cell(*cell_id);
  if (!found) return std::nullopt;
  why.kind = "cell";
  why.sources = cell_turns(*found);
  why.deriver = found->deriver;
  why.history = state_->store->events("cell", *cell_id);
  return why;
}

MemoryStats Memory::stats() const {
  MemoryStats stats = state_->store->stats();
  stats.durability = durability();
  stats.embedder = state_->ports.embedder;
  return stats;
}

ForgetPreview Memory::find_to_forget(const ForgetRequest& request,
                                     const ScopeFilter& filter) const {
  return memory::find_to_forget(*state_->store, request, state_->store->find_scopes(filter));
}

Forgotten Memory::forget(const ForgetPreview& confirmed, const std::string& reason) {
  const std::unique_lock lock(state_->ingest_mutex);
  state_->ingest.forget_open_segments();
  return erase(*state_->store, confirmed, reason, state_->now());
}

ImportReport Memory::import_turns(const std::filesystem::path& file,
                                  const std::function<void(int64_t, int64_t)>& progress) {
  const std::vector<NewTurn> turns = read_turns_file(file);
  ImportReport report{.line_count = static_cast<int64_t>(turns.size())};
  for (size_t done = 0; done < turns.size();) {
    const size_t count = std::min(kImportBatch, turns.size() - done);
    const std::unique_lock lock(state_->ingest_mutex);
    for (const WriteResult& result :
         state_->ingest.remember(std::span(turns).subspan(done, count), "user", "import")) {
      report.stored += result.outcome == Written::stored;
      report.duplicates += result.outcome == Written::duplicate;
      report.refused += result.outcome == Written::forgotten;
      report.empty += result.outcome == Written::empty;
      if (result.outcome == Written::stored) report.redactions += result.redactions;
    }
    done += count;
    if (progress) progress(static_cast<int64_t>(done), report.line_count);
  }
  return report;
}

VerifyReport Memory::verify() const {
  VerifyReport report;
  report.problems = state_->store->verify();
  report.checked_turns = state_->store->stats().turns;
  check_facts(report);
  if (!state_->ports.embed) return report;
  const std::vector<ScopeId> scopes = state_->store->all_scopes();
  int64_t wrong = 0;
  state_->store->for_each_vector(
      scopes, state_->ports.embedder, 0, [&](TurnId id, std::span<const int8_t> vector) {
        const std::optional<Turn> turn = state_->store->turn(id);
        wrong += !turn || !std::ranges::equal(turn_vector(*turn, state_->ports.embed), vector);
      });
  if (wrong > 0) report.problems.push_back("vectors: " + std::to_string(wrong) + " differ");
  return report;
}

// Derives all facts a second time, in a transaction that is then given up.
void Memory::check_facts(VerifyReport& report) const {
  const std::unique_lock lock(state_->ingest_mutex);
  const std::multiset<std::string> live = statements(*state_->store);
  std::multiset<std::string> anew;
  state_->store->try_out([&] {
    rebuild_facts(*state_->store);
    anew = statements(*state_->store);
  });
  if (live != anew) report.problems.push_back("facts: not what the turns state");
}

void Memory::rebuild() {
  const std::unique_lock lock(state_->ingest_mutex);
  Store& store = *state_->store;
  store.write([&] {
    store.make_index_anew();
    rebuild_facts(store);
    store.erase_vectors();
    store.add_event({.at = state_->now(), .actor = "user", .op = "rebuild", .kind = "store"});
    store.raise_generation();
  });
  while (!state_->ingest.complete_vectors(kVectorsAtOnce)) {
  }
}

const Scope& Memory::scope() const { return state_->config.scope; }

std::string Memory::durability() const {
  if (state_->config.location == ":memory:") return "nothing is kept after this process";
  return state_->config.durability == Durability::full
             ? "an acknowledged write survives the death of the process and power loss"
             : "an acknowledged write survives the death of the process; power loss may take the "
               "last writes";
}

}  // namespace corvid::memory
