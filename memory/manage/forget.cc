#include "memory/manage/forget.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <map>
#include <set>

#include "memory/consolidate/consolidate.h"
#include "memory/consolidate/told.h"
#include "memory/ingest/annotate.h"
#include "memory/ingest/settle.h"
#include "memory/ingest/ingest.h"
#include "memory/ingest/segment.h"
#include "memory/manage/tombstone.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

bool is_plain(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

class Finder {
 public:
  Finder(const Store& store, std::span<const ScopeId> scopes) : store_(store), scopes_(scopes) {}

  void by_id(const std::string& id);
  void by_text(const std::string& text);
  void by_told(const std::string& wanted);
  void by_session(const std::string& name);
  ForgetPreview take();

 private:
  bool is_in_scope(ScopeId scope) const {
    return std::ranges::find(scopes_, scope) != scopes_.end();
  }
  void add(const Turn& turn) {
    if (!is_in_scope(turn.scope)) return;
    if (!found_.emplace(turn.id, turn).second) return;
    // Older and newer versions say nearly the same.
    for (const TurnId version : store_.versions_of(turn.id)) {
      if (const auto other = store_.turn(version)) add(*other);
    }
    if (found_.size() > kForgetTurnsMax) fail(Code::invalid, "too many turns to forget at once");
  }

  const Store& store_;
  std::span<const ScopeId> scopes_;
  std::map<TurnId, Turn> found_;
  std::set<CellId> told_;
};

void Finder::by_id(const std::string& id) {
  if (const auto turn_id = parse_id(id, 't')) {
    if (const auto turn = store_.turn(*turn_id)) add(*turn);
  } else if (const auto cell_id = parse_id(id, 'c')) {
    const std::optional<MemCell> cell = store_.cell(*cell_id);
    if (!cell) return;
    for (const TurnId source : cell->turns) {
      if (const auto turn = store_.turn(source)) add(*turn);
    }
  } else if (const auto fact_id = parse_id(id, 'f')) {
    const std::optional<Fact> fact = store_.fact(*fact_id);
    const auto turn = fact ? store_.turn(fact->turn) : std::nullopt;
    if (turn) add(*turn);
  } else {
    fail(Code::invalid, "'" + id + "' is not the id of a memory; ids look like t12, c3 or f6");
  }
}

void Finder::by_text(const std::string& text) {
  const std::string wanted = normal_form(text);
  if (wanted.empty()) fail(Code::invalid, "nothing named to forget");
  store_.for_each_text(scopes_, [&](const Turn& turn) {
    if (normal_form(turn.text).find(wanted) != std::string::npos) add(turn);
  });
  // As the index folds words: letters of all scripts in any case. Of plain ones alone it would only
  // find other words of the same stem.
  for (const TermCount& hit : store_.match(wanted)) {
    const auto turn = store_.turn(hit.turn);
    if (turn && !(is_plain(wanted) && is_plain(turn->text))) add(*turn);
  }
  by_told(wanted);
  if (!found_.empty() || !told_.empty()) return;
  std::vector<std::string> words;
  for (std::string& word : words_of(wanted)) {
    if (!is_stop_word(word)) words.push_back(std::move(word));
  }
  if (words.empty()) return;
  std::map<TurnId, size_t> held;
  for (const std::string& word : words) {
    for (const TermCount& hit : store_.match(word)) ++held[hit.turn];
  }
  for (const auto& [id, count] : held) {
    if (count < words.size()) continue;
    if (const auto turn = store_.turn(id)) add(*turn);
  }
}

// A model puts words together that no turn has like that.
void Finder::by_told(const std::string& wanted) {
  constexpr int kAll = std::numeric_limits<int>::max();
  const auto holds = [&](std::initializer_list<std::string_view> texts) {
    return std::ranges::any_of(texts, [&](std::string_view text) {
      return normal_form(text).find(wanted) != std::string::npos;
    });
  };
  for (const MemCell& cell : store_.cells(scopes_, kAll)) {
    if (cell.deriver == kModelDeriver && holds({cell.title, cell.episode})) told_.insert(cell.id);
  }
  for (const Fact& fact : store_.facts(scopes_, kAll)) {
    const bool is_told = fact.deriver == kModelDeriver || fact.deriver == kApprovedDeriver;
    if (!is_told || !holds({fact.key, fact.value})) continue;
    for (const CellId cell : store_.cells_of_turn(fact.turn)) told_.insert(cell);
  }
  for (const ProfileItem& item : store_.items(scopes_)) {
    if (holds({item.key, item.text})) told_.insert(item.cell);
  }
  for (const auto& [cells, summary] : store_.scene_notes()) {
    const auto first = holds({summary}) ? store_.cell(cells.front()) : std::nullopt;
    if (first && is_in_scope(first->scope)) told_.insert(first->id);
  }
}

void Finder::by_session(const std::string& name) {
  for (const ScopeId scope : scopes_) {
    const std::optional<SessionRow> session = store_.find_session(scope, name);
    if (!session) continue;
    for (const TurnId id : store_.session_turns(session->key)) {
      if (const auto turn = store_.turn(id)) add(*turn);
    }
  }
}

ForgetPreview Finder::take() {
  ForgetPreview preview;
  std::set<CellId> cells;
  for (auto& [id, turn] : found_) {
    for (const CellId cell : store_.cells_of_turn(id)) cells.insert(cell);
    preview.turns.push_back(std::move(turn));
  }
  preview.cells.assign(cells.begin(), cells.end());
  // What is told anew of the turns that are left cannot hold it.
  std::ranges::set_difference(told_, cells, std::back_inserter(preview.told));
  return preview;
}

// Drops the cell, or derives it from what is left.
void repair_cell(Store& store, CellId id, Forgotten& result) {
  std::optional<MemCell> cell = store.cell(id);
  if (!cell) return;
  drop_told(store, *cell, true);
  if (cell->turns.empty()) {
    store.erase_cell(id);
    result.ids.push_back(cell_name(id));
    return;
  }
  const std::vector<Turn> left = current_turns(store, *cell);
  if (left.empty()) return;
  cell->opened_at = left.front().said_at;
  if (!cell->is_open) {
    cell->closed_at = left.back().said_at;
    derive_cell(*cell, left);
  }
  store.put_cell(*cell);
}

// Takes back what a model told of the cell, for good.
void untell_cell(Store& store, CellId id, const Forgetting& how) {
  std::optional<MemCell> cell = store.cell(id);
  if (!cell || cell->is_open) return;
  drop_told(store, *cell, true);
  derive_cell(*cell, current_turns(store, *cell));
  cell->deriver = kForgottenDeriver;
  store.put_cell(*cell);
  store.add_event({.at = how.now, .actor = "user", .op = "forget", .kind = "cell", .first_id = id,
                   .last_id = id, .reason = how.reason});
}

}  // namespace

ForgetPreview find_to_forget(const Store& store, const ForgetRequest& request,
                             std::span<const ScopeId> scopes) {
  if (request.ids.empty() && request.text.empty() && request.session.empty()) {
    fail(Code::invalid, "nothing named to forget");
  }
  Finder finder(store, scopes);
  for (const std::string& id : request.ids) finder.by_id(id);
  if (!request.session.empty()) finder.by_session(request.session);
  if (!request.text.empty()) finder.by_text(request.text);
  return finder.take();
}

Forgotten erase(Store& store, const ForgetPreview& confirmed, const Forgetting& how) {
  Forgotten result;
  if (confirmed.turns.empty() && confirmed.told.empty()) return result;
  const std::string key = store.mac_key();
  std::set<std::string> sessions;
  store.write([&] {
    std::set<CellId> cells;
    std::optional<ScopeId> everywhere;
    if (confirmed.all_projects) everywhere = store.put_scope(how.everywhere);
    std::set<std::string> facts;
    Unsettled changed;
    for (const Turn& shown : confirmed.turns) {
      const std::optional<Turn> turn = store.turn(shown.id);
      if (!turn) continue;  // somebody else was faster
      for (const CellId cell : store.cells_of_turn(turn->id)) cells.insert(cell);
      const ScopeId home = store.session_scope(turn->session_key);
      for (const std::string& mac : tombstone_macs(key, *turn)) {
        store.add_tombstone(home, mac, how.now);
      }
      store.add_tombstone(turn->scope, text_mac(key, *turn), how.now);
      if (everywhere) store.add_tombstone(*everywhere, text_mac(key, *turn), how.now);
      for (Fact& fact : store.facts_of_turn(turn->id)) {
        facts.insert(fact_name(fact.id));
        changed.try_emplace(key_of(fact), std::move(fact));
      }
      store.erase_turn(*turn);
      store.add_event({.at = how.now,
                       .actor = "user",
                       .op = "forget",
                       .kind = "turn",
                       .first_id = turn->id,
                       .last_id = turn->id,
                       .reason = how.reason});
      result.texts.push_back(turn->text);
      result.ids.push_back(turn_name(turn->id));
      sessions.insert(turn->session);
      ++result.turn_count;
    }
    for (const CellId cell : cells) repair_cell(store, cell, result);
    for (const CellId cell : confirmed.told) untell_cell(store, cell, how);
    result.told_count = std::ssize(confirmed.told);
    settle_facts(store, changed);  // what they had superseded holds again
    result.ids.insert(result.ids.end(), facts.begin(), facts.end());
    store.raise_generation();
  });
  result.sessions.assign(sessions.begin(), sessions.end());
  result.file_is_clean = store.scrub();
  return result;
}

}  // namespace corvid::memory
