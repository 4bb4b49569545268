#include "memory/recall/links.h"

#include <algorithm>
#include <map>
#include <set>

namespace corvid::memory {
namespace {

constexpr size_t kFollowedMax = 100;

// Facts of turns with their rivals; those of many turns are read at once.
class Facts {
 public:
  Facts(const Store& store, Time until) : store_(store), until_(until) {}

  void read(std::span<const TurnId> turns) {
    for (const TurnId turn : turns) of_turn_[turn].clear();
    const std::set<TurnId> wanted(turns.begin(), turns.end());
    for (Fact& fact : store_.facts_beside(turns)) {
      if (fact.valid_from >= until_) continue;
      if (fact.closed_at && *fact.closed_at >= until_) {
        fact.status = Fact::Status::active;
        fact.closed_at.reset();
      }
      if (fact.status == Fact::Status::disputed) {
        TurnId& latest = disputed_[key_of(fact)];
        latest = std::max(latest, fact.turn);
      }
      if (fact.status == Fact::Status::active) {
        holding_[key_of(fact)].insert({fact.valid_from, fact.turn, fact.id});
      }
      facts_.insert_or_assign(fact.id, std::move(fact));
    }
    for (const auto& [id, fact] : facts_) {
      if (wanted.contains(fact.turn)) of_turn_[fact.turn].push_back(&fact);
    }
  }

  Link link_of(TurnId turn) {
    if (!of_turn_.contains(turn)) read(std::span(&turn, 1));
    Link link;
    for (const Fact* fact : of_turn_[turn]) {
      if (fact->status == Fact::Status::superseded) {
        link.superseded_by = latest(*fact);
      } else if (fact->status == Fact::Status::disputed) {
        link.disputed_by = latest(*fact);
      } else if (const auto rival = disputed_.find(key_of(*fact)); rival != disputed_.end()) {
        link.disputed_by = rival->second;
      }
    }
    if (link.superseded_by == turn) link.superseded_by = 0;
    if (link.disputed_by == turn) link.disputed_by = 0;
    return link;
  }

 private:
  struct Holding {
    Time said_at;
    TurnId turn;
    FactId id;
    auto operator<=>(const Holding&) const = default;
  };

  // The turn whose statement holds now instead of that of `fact`; 0: none is known. What replaced
  // it may have been replaced in turn.
  TurnId latest(const Fact& fact) const {
    const auto found = holding_.find(key_of(fact));
    if (found == holding_.end()) return 0;
    const std::set<Holding>& all = found->second;
    const auto by = std::ranges::find(all, fact.superseded_by, &Holding::id);
    if (by != all.end()) return by->turn;
    const auto since = fact.closed_at ? all.lower_bound({*fact.closed_at, 0, 0}) : all.end();
    return since != all.end() ? since->turn : all.rbegin()->turn;
  }

  const Store& store_;
  Time until_{};
  std::map<FactId, Fact> facts_;
  std::map<TurnId, std::vector<const Fact*>> of_turn_;  // those that were asked for
  std::map<FactKey, std::set<Holding>> holding_;        // where it is stated as it holds
  std::map<FactKey, TurnId> disputed_;                  // who disputes it, the latest one
};

int32_t row_of(const Corpus& corpus, TurnId turn) {
  const auto rows = corpus.rows();
  const auto place = std::ranges::lower_bound(rows, turn, {}, &Corpus::Row::id);
  return place != rows.end() && place->id == turn ? static_cast<int32_t>(place - rows.begin()) : -1;
}

// Moves the row from behind `at` to `at`, or makes it there; false: it stands before `at` already.
bool bring(std::vector<Ranked>& best, size_t at, int32_t row, double score) {
  const auto place = std::ranges::find(best, row, &Ranked::row);
  const auto target = best.begin() + static_cast<std::ptrdiff_t>(at);
  if (place < target) return false;
  if (place != best.end()) {
    std::rotate(target, place, place + 1);
  } else {
    best.insert(target, Ranked{.row = row, .score = score});
  }
  return true;
}

}  // namespace

std::vector<Link> follow_links(const Store& store, const Corpus& corpus, bool asks_past, Time until,
                               std::vector<Ranked>& best) {
  Facts facts(store, until);
  std::vector<TurnId> first;
  for (size_t i = 0; i < best.size() && i < kFollowedMax; ++i) {
    first.push_back(corpus.rows()[static_cast<size_t>(best[i].row)].id);
  }
  facts.read(first);
  std::map<int32_t, Link> links;
  for (size_t i = 0; i < best.size() && i < kFollowedMax; ++i) {
    const int32_t row = best[i].row;
    if (links.contains(row)) continue;
    const Link link = facts.link_of(corpus.rows()[static_cast<size_t>(row)].id);
    links[row] = link;
    const int32_t newer = link.superseded_by != 0 ? row_of(corpus, link.superseded_by) : -1;
    if (newer >= 0 && bring(best, asks_past ? i + 1 : i, newer, best[i].score) && !asks_past) {
      --i;  // the newer one is looked at next, then this one again
      continue;
    }
    const int32_t rival = link.disputed_by != 0 ? row_of(corpus, link.disputed_by) : -1;
    if (rival >= 0) bring(best, i + 1, rival, best[i].score);
  }
  std::vector<Link> out;
  for (const Ranked& ranked : best) {
    const auto known = links.find(ranked.row);
    out.push_back(known != links.end() ? known->second : Link());
  }
  return out;
}

}  // namespace corvid::memory
