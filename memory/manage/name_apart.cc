#include "memory/manage/name_apart.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <string>

#include "memory/ingest/ingest.h"
#include "memory/manage/tombstone.h"

namespace corvid::memory {
namespace {

class Namer {
 public:
  Namer(const Store& store, const Scope& scope)
      : store_(store), scope_(store.find_scope(scope)), scopes_(store.find_scopes({scope})) {}

  void name(std::span<NewTurn> conversation) {
    const std::string base = conversation.front().session;
    for (int number = 1;; ++number) {
      const std::string name = number == 1 ? base : base + "-" + std::to_string(number);
      std::set<std::string>& known = known_in(name);
      if (!goes_on(known, conversation)) continue;
      for (NewTurn& turn : conversation) {
        turn.session = name;
        known.insert(turn.external_id);
      }
      return;
    }
  }

 private:
  std::set<std::string>& known_in(const std::string& name) {
    const auto [place, is_new] = known_.try_emplace(name);
    const auto session = scope_ && is_new ? store_.find_session(*scope_, name) : std::nullopt;
    if (!session) return place->second;
    for (const auto& [id, turn] : store_.turns(store_.session_turns(session->key))) {
      if (!turn.external_id.empty()) place->second.insert(turn.external_id);
    }
    return place->second;
  }

  // One holds the other, but for what was forgotten.
  bool goes_on(const std::set<std::string>& known, std::span<const NewTurn> conversation) const {
    std::set<std::string> own;
    for (const NewTurn& turn : conversation) own.insert(turn.external_id);
    if (std::ranges::includes(own, known)) return true;
    return std::ranges::all_of(conversation, [&](const NewTurn& turn) {
      return known.contains(turn.external_id) || is_forgotten(turn);
    });
  }

  bool is_forgotten(const NewTurn& turn) const {
    return was_forgotten(store_, scopes_, store_.mac_key(), prepare_turn(turn));
  }

  const Store& store_;
  std::optional<ScopeId> scope_;
  std::vector<ScopeId> scopes_;
  std::map<std::string, std::set<std::string>> known_;
};

}  // namespace

void name_apart(const Store& store, const Scope& scope, std::vector<NewTurn>& turns) {
  Namer namer(store, scope);
  for (size_t from = 0; from < turns.size();) {
    size_t to = from + 1;
    // The next conversation has another name, or begins with the same turn again.
    while (to < turns.size() && turns[to].session == turns[from].session &&
           turns[to].external_id != turns[from].external_id) {
      ++to;
    }
    if (turns[from].is_unnamed) namer.name(std::span(turns).subspan(from, to - from));
    from = to;
  }
}

}  // namespace corvid::memory
