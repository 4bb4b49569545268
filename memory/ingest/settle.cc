#include "memory/ingest/settle.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "memory/ingest/annotate.h"
#include "memory/ingest/facts.h"
#include "memory/ingest/foresight.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

using Status = Fact::Status;

constexpr size_t kStandingMax = 8;  // values of a key side by side

// Facts of a key that are not superseded, as of the latest said. For each value that holds the
// first fact of the highest tier that says so is active.
class Standing {
 public:
  Standing() = default;

  // Facts that were settled before, by the time they were said.
  explicit Standing(std::vector<Fact>& settled) {
    for (Fact& fact : settled) open_.push_back({&fact, plain_words(fact.value)});
  }

  // The next one. Changes its status and that of those before.
  void take(Fact& fact) {
    const Open said{&fact, plain_words(fact.value)};
    fact.status = Status::active;
    fact.closed_at = std::nullopt;
    fact.superseded_by = 0;
    const auto same = std::ranges::find_if(open_, [&](const Open& each) {
      return each.fact->status == Status::active && each.value == said.value;
    });
    if (same != open_.end()) {
      (fact.tier > same->fact->tier ? *same->fact : fact).status = Status::confirmed;
    } else if (const Fact* above = stronger_than(fact)) {
      fact.status = Status::disputed;
      fact.superseded_by = above->id;
    } else {
      replace(said);
    }
    open_.push_back(said);
  }

 private:
  struct Open {
    Fact* fact;
    std::string value;
  };

  // What a higher tier says of the key: what a lower one says does not stand beside it.
  const Fact* stronger_than(const Fact& fact) const {
    const Fact* strongest = nullptr;
    for (const Open& each : open_) {
      const bool counts = each.fact->status == Status::active && each.fact->tier > fact.tier;
      if (counts && (!strongest || each.fact->tier >= strongest->tier)) strongest = each.fact;
    }
    return strongest;
  }

  void replace(const Open& said) {
    std::set<std::string> falling;
    std::vector<const Open*> beside;
    for (const Open& each : open_) {
      if (each.fact->status != Status::active) continue;
      if (contradicts(*said.fact, *each.fact)) falling.insert(each.value);
      else beside.push_back(&each);
    }
    for (size_t i = 0; i + kStandingMax <= beside.size(); ++i) falling.insert(beside[i]->value);
    std::erase_if(open_, [&](const Open& each) {
      Fact& old = *each.fact;
      if (each.value == said.value) {  // it disputed what no longer holds
        old.status = Status::confirmed;
        old.superseded_by = 0;
        return false;
      }
      const bool falls = old.status == Status::disputed ? contradicts(*said.fact, old)
                                                        : falling.contains(each.value);
      if (!falls) return false;
      old.status = Status::superseded;
      old.closed_at = said.fact->valid_from;
      old.superseded_by = said.fact->id;
      return true;
    });
  }

  std::vector<Open> open_;
};

// Writes those of `facts` that differ from what they were.
class Changes {
 public:
  explicit Changes(const std::vector<Fact>& facts) : before_(facts) {}
  void put(Store& store, const std::vector<Fact>& facts) const {
    for (size_t i = 0; i < facts.size(); ++i) {
      const bool is_same = facts[i].status == before_[i].status &&
                           facts[i].superseded_by == before_[i].superseded_by &&
                           facts[i].closed_at == before_[i].closed_at;
      if (!is_same) store.put_fact(facts[i]);
    }
  }

 private:
  std::vector<Fact> before_;
};

// Settles and stores a fact behind which nothing was said. What is said again, or by a lower tier,
// is decided by what holds; only a new value needs all that is open.
void add_latest(Store& store, Fact& fact) {
  std::vector<Fact> rivals = store.rivals(fact, Rivals::active);
  Changes changes(rivals);
  Standing(rivals).take(fact);
  const bool is_repeated = std::ranges::find(rivals, Status::confirmed, &Fact::status) !=
                           rivals.end();
  if (rivals.empty() || is_repeated || fact.status != Status::active) {
    store.put_fact(fact);
  } else {
    rivals = store.rivals(fact, Rivals::open);
    changes = Changes(rivals);
    fact.id = store.put_fact(fact);
    Standing(rivals).take(fact);
  }
  changes.put(store, rivals);
}

}  // namespace

void settle_facts(Store& store, const Unsettled& changed) {
  for (const auto& [key, any] : changed) {
    std::vector<Fact> facts = store.rivals(any, Rivals::all);
    const Changes changes(facts);
    Standing standing;
    for (Fact& fact : facts) standing.take(fact);
    changes.put(store, facts);
  }
}

void add_facts(Store& store, const Turn& turn, Unsettled& changed) {
  for (Fact& fact : facts_of(turn)) {
    if (!changed.contains(key_of(fact)) && store.is_latest(fact)) {
      add_latest(store, fact);
      continue;
    }
    store.put_fact(fact);
    changed.try_emplace(key_of(fact), std::move(fact));
  }
}

void drop_facts(Store& store, TurnId turn, Unsettled& changed) {
  for (Fact& fact : store.facts_of_turn(turn)) changed.try_emplace(key_of(fact), std::move(fact));
  store.erase_facts_of(turn);
  store.erase_foresights_of(turn);
}

void rebuild_facts(Store& store) {
  store.erase_facts();
  store.erase_foresights();
  Unsettled changed;
  store.for_each_text(store.all_scopes(), [&](const Turn& turn) {
    if (store.amended_by(turn.id)) return;
    add_facts(store, turn, changed);
    add_foresights(store, turn);
  });
  for (Fact& fact : store.facts(store.all_scopes(), std::numeric_limits<int>::max())) {
    const bool is_told = !fact.deriver.starts_with("pattern/");  // it stays, and counts
    if (is_told) changed.try_emplace(key_of(fact), std::move(fact));
  }
  settle_facts(store, changed);
  store.set_lacks_facts(false);
}

}  // namespace corvid::memory
