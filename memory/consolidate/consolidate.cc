#include "memory/consolidate/consolidate.h"

#include <algorithm>
#include <limits>
#include <set>

#include "memory/consolidate/scenes.h"
#include "memory/consolidate/told.h"
#include "memory/ingest/annotate.h"
#include "memory/ingest/ingest.h"
#include "memory/ingest/segment.h"
#include "memory/ingest/settle.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

constexpr size_t kSceneCellsMin = 2;

bool waits(const MemCell& cell) { return !cell.is_open && cell.deriver == kCellDeriver; }

class Pass {
 public:
  Pass(Store& store, const Ports& ports, std::span<const ScopeId> scopes,
       const ConsolidateOptions& options)
      : store_(store), ports_(ports), scopes_(scopes), options_(options) {}

  ConsolidateReport run() {
    close_ended();
    std::vector<MemCell> cells = store_.cells(scopes_, std::numeric_limits<int>::max());
    std::erase_if(cells, [](const MemCell& cell) { return !waits(cell); });
    const size_t count = std::min(cells.size(), static_cast<size_t>(options_.cells_max));
    report_.waiting = static_cast<int>(cells.size());
    for (size_t i = 0; i < count; ++i) {
      check_stop();
      tell(cells[i]);
      if (options_.progress) options_.progress(static_cast<int>(i) + 1, static_cast<int>(count));
    }
    tell_scenes();
    return report_;
  }

 private:
  void check_stop() const {
    if (options_.stop.stop_requested()) fail(Code::cancelled, "cancelled");
  }
  Time now() const { return ports_.now ? ports_.now() : system_now(); }
  void close_ended();
  void tell(const MemCell& shown);
  void write(MemCell& cell, Told told);
  void add_facts(const MemCell& cell, std::vector<Fact> facts);
  void propose(ProfileItem item);
  void tell_scenes();

  Store& store_;
  const Ports& ports_;
  std::span<const ScopeId> scopes_;
  const ConsolidateOptions& options_;
  ConsolidateReport report_;
};

// A session's last cell is closed by what follows it; after a while nothing would go on with it.
void Pass::close_ended() {
  for (const MemCell& cell : store_.cells(scopes_, std::numeric_limits<int>::max())) {
    if (cell.is_open) store_.write([&] { close_idle(store_, cell.id, now()); });
  }
}

void Pass::tell(const MemCell& shown) {
  const std::vector<Turn> turns = current_turns(store_, shown);
  const std::string prompt = cell_prompt(turns);
  std::optional<Told> told;
  if (prompt.empty()) {
    told.emplace();
  } else {
    told = read_told(ports_.complete(prompt, kCellSchema), turns);
  }
  store_.write([&] {
    std::optional<MemCell> cell = store_.cell(shown.id);
    // Changed while the model was asked: the next pass takes it.
    if (!cell || !waits(*cell) || cell->turns != shown.turns) return;
    const std::vector<Turn> same = current_turns(store_, *cell);
    if (!std::ranges::equal(same, turns, {}, &Turn::id, &Turn::id)) return;
    --report_.waiting;
    if (told) {
      write(*cell, std::move(*told));
      ++report_.cells;
    } else {
      cell->deriver = kUnusableDeriver;
      store_.put_cell(*cell);
      ++report_.unusable;
    }
  });
}

void Pass::write(MemCell& cell, Told told) {
  report_.dropped += told.dropped;
  cell.deriver = kModelDeriver;
  if (!told.title.empty()) cell.title = told.title;
  if (!told.episode.empty()) cell.episode = told.episode;
  store_.put_cell(cell);
  add_facts(cell, std::move(told.facts));
  for (Foresight& plan : told.foresights) {
    const std::vector<Foresight> all = store_.foresights(std::span(&plan.scope, 1));
    const bool is_known = std::ranges::any_of(all, [&](const Foresight& other) {
      return other.turn == plan.turn && other.text == plan.text;
    });
    if (is_known) continue;
    store_.put_foresight(plan);
    ++report_.foresights;
  }
  for (ProfileItem& trait : told.traits) {
    trait.cell = cell.id;
    trait.scope = cell.scope;
    propose(std::move(trait));
  }
  store_.add_event({.at = now(), .actor = "model", .op = "consolidate", .kind = "cell",
                    .first_id = cell.id, .last_id = cell.id, .reason = ports_.model});
}

// What patterns have read already is not stored twice; what is not as it is known is proposed.
void Pass::add_facts(const MemCell& cell, std::vector<Fact> facts) {
  Unsettled changed;
  for (Fact& fact : facts) {
    const std::string value = plain_words(fact.value);
    const auto says_so = [&](const Fact& other) { return plain_words(other.value) == value; };
    if (std::ranges::any_of(store_.facts_of_turn(fact.turn), says_so)) continue;
    const std::vector<Fact> rivals = store_.rivals(fact, Rivals::all);
    if (std::ranges::any_of(rivals, says_so)) continue;
    if (rivals.empty()) {
      fact.id = store_.put_fact(fact);
      changed.try_emplace(key_of(fact), fact);
      ++report_.facts;
      continue;
    }
    propose({.scope = cell.scope, .cell = cell.id, .kind = ProfileItem::Kind::fact,
             .subject = fact.subject, .key = fact.key, .text = fact.value,
             .deriver = kModelDeriver, .turns = {fact.turn}});
  }
  settle_facts(store_, changed);
}

// Once, whatever was decided on it.
void Pass::propose(ProfileItem item) {
  for (const ProfileItem& other : store_.items(std::span(&item.scope, 1))) {
    if (other.kind == item.kind && other.subject == item.subject &&
        plain_words(other.text) == plain_words(item.text) &&
        (item.kind == ProfileItem::Kind::trait || other.key == item.key)) {
      return;
    }
  }
  item.at = now();
  store_.put_item(item);
  ++report_.proposals;
}

void Pass::tell_scenes() {
  const auto notes = store_.scene_notes();
  int asked = 0;
  for (const MemScene& scene : find_scenes(store_, scopes_, ports_.embedder)) {
    if (scene.cells.size() < kSceneCellsMin || notes.contains(scene.cells)) continue;
    std::vector<MemCell> cells;
    for (const CellId id : scene.cells) {
      if (auto cell = store_.cell(id)) cells.push_back(std::move(*cell));
    }
    const auto is_told = [](const MemCell& cell) { return cell.deriver == kModelDeriver; };
    if (cells.size() != scene.cells.size() || !std::ranges::all_of(cells, is_told)) continue;
    if (asked++ >= options_.cells_max) return;
    check_stop();
    const std::string note =
        read_scene_note(ports_.complete(scene_prompt(cells), kSceneSchema), cells);
    if (note.empty()) continue;
    store_.write([&] {
      // Forgotten or corrected meanwhile: it would tell of what is gone.
      for (const MemCell& cell : cells) {
        const std::optional<MemCell> same = store_.cell(cell.id);
        if (!same || same->deriver != kModelDeriver || same->episode != cell.episode) return;
      }
      store_.put_scene_note(scene.cells, note, now());
      ++report_.scenes;
    });
  }
}

}  // namespace

ConsolidateReport consolidate(Store& store, const Ports& ports, std::span<const ScopeId> scopes,
                              const ConsolidateOptions& options) {
  if (!ports.complete) fail(Code::invalid, "no model to consolidate with");
  return Pass(store, ports, scopes, options).run();
}

void drop_told(Store& store, const MemCell& cell, bool forgets) {
  store.erase_scene_notes(cell.id);
  // An approved fact has gone with its turn when that was corrected: its proposal does, too.
  for (ProfileItem& item : store.items(std::span(&cell.scope, 1))) {
    const bool is_approved = item.cell == cell.id && item.kind == ProfileItem::Kind::fact &&
                             item.status == ProfileItem::Status::approved && !item.turns.empty();
    if (!is_approved) continue;
    const std::vector<Fact> facts = store.facts_of_turn(item.turns.front());
    const bool holds = std::ranges::any_of(facts, [&](const Fact& fact) {
      return fact.deriver == kApprovedDeriver && fact.key == item.key;
    });
    if (holds) continue;
    item.status = ProfileItem::Status::proposed;
    store.put_item(item);
  }
  store.erase_items(cell.id, forgets);
  Unsettled changed;
  for (const TurnId turn : cell.turns) {
    for (Fact& fact : store.facts_of_turn(turn)) {
      const bool goes =
          fact.deriver == kModelDeriver || (forgets && fact.deriver == kApprovedDeriver);
      if (goes) changed.try_emplace(key_of(fact), std::move(fact));
    }
    store.erase_facts_of(turn, kModelDeriver);
    if (forgets) store.erase_facts_of(turn, kApprovedDeriver);
    store.erase_foresights_of(turn, kModelDeriver);
  }
  settle_facts(store, changed);
}

}  // namespace corvid::memory
