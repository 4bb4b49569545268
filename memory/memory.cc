#include "memory/memory.h"

#include <algorithm>
#include <charconv>
#include <mutex>

#include "memory/ingest/ingest.h"
#include "memory/ingest/vector.h"
#include "memory/manage/forget.h"
#include "memory/manage/import_turns.h"
#include "memory/recall/recall.h"
#include "memory/store.h"
#include "runtime/base/error.h"

namespace corvid::memory {
namespace {

constexpr int kCellsMax = 100'000;
constexpr int kVectorsAtOpen = 2'000;  // made when a store is opened; the rest when asked for

}  // namespace

std::string turn_name(TurnId id) { return "t" + std::to_string(id); }
std::string cell_name(CellId id) { return "c" + std::to_string(id); }

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
      why.sources.push_back(std::move(*found));
    } else if (why.history.empty()) {
      return std::nullopt;
    }
    return why;
  }
  const auto cell_id = parse_id(id, 'c');
  if (!cell_id) {
    fail(Code::invalid, "'" + std::string(id) +
                            "' is not the id of a memory; ids look like t12 or c3");
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

const Scope& Memory::scope() const { return state_->config.scope; }

std::string Memory::durability() const {
  if (state_->config.location == ":memory:") return "nothing is kept after this process";
  return state_->config.durability == Durability::full
             ? "an acknowledged write survives the death of the process and power loss"
             : "an acknowledged write survives the death of the process; power loss may take the "
               "last writes";
}

}  // namespace corvid::memory
