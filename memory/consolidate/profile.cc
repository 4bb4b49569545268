#include "memory/consolidate/profile.h"

#include <algorithm>
#include <map>

#include "memory/consolidate/told.h"
#include "memory/ingest/annotate.h"
#include "memory/ingest/facts.h"
#include "memory/ingest/settle.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

Fact fact_of(const Store& store, const ProfileItem& item) {
  Fact fact;
  fact.scope = item.scope;
  fact.turn = item.turns.front();
  fact.subject = item.subject;
  fact.key = item.key;
  fact.value = item.text;
  fact.tier = Tier::user;
  fact.deriver = kApprovedDeriver;
  if (const auto turn = store.turn(fact.turn)) {
    const auto sentence = find_support(*turn, item.text);
    fact.text = truncate_utf8(sentence ? *sentence : std::string_view(turn->text),
                              kSentenceBytesKept);
    fact.valid_from = turn->said_at;
    fact.scope = turn->scope;  // it may have been promoted
  }
  return fact;
}

bool is_said_in(const Store& store, const std::optional<Turn>& turn,
                std::span<const ScopeId> scopes) {
  return turn && std::ranges::find(scopes, store.session_scope(turn->session_key)) != scopes.end();
}

bool is_stated_fact(const Store& store, std::span<const ScopeId> own, const ProfileItem& item) {
  const std::vector<Fact> rivals = store.rivals(fact_of(store, item), Rivals::all);
  return std::ranges::any_of(rivals, [&](const Fact& other) {
    return other.tier == Tier::user && plain_words(other.value) == plain_words(item.text) &&
           is_said_in(store, store.turn(other.turn), own);
  });
}

// Some turn of the user's holds all words of the trait in one statement.
bool is_stated_trait(const Store& store, std::span<const ScopeId> own, const ProfileItem& item) {
  std::vector<std::string> words;
  for (std::string& word : words_of(item.text)) {
    const bool is_new = std::ranges::find(words, word) == words.end();
    if (is_new && !is_stop_word(word) && word != "user") words.push_back(std::move(word));
  }
  if (words.empty()) return false;
  std::map<TurnId, size_t> held;
  for (const std::string& word : words) {
    for (const TermCount& hit : store.match(word)) ++held[hit.turn];
  }
  for (const auto& [id, count] : held) {
    if (count < words.size() || std::ranges::find(item.turns, id) != item.turns.end()) continue;
    const std::optional<Turn> turn = store.turn(id);
    if (!turn || turn->tier != Tier::user || store.amended_by(id)) continue;
    if (!is_said_in(store, turn, own)) continue;
    if (lower_case(turn->speaker) == item.subject &&
        find_support(*turn, join(words, " "), Forms::any)) {
      return true;
    }
  }
  return false;
}

// Takes the approved fact back; others of its turn stay.
void take_back(Store& store, const ProfileItem& item) {
  Unsettled changed;
  std::vector<Fact> others;
  for (Fact& fact : store.facts_of_turn(item.turns.front())) {
    if (fact.deriver != kApprovedDeriver) continue;
    const bool is_it = fact.subject == item.subject && fact.key == item.key;
    if (is_it) {
      changed.try_emplace(key_of(fact), std::move(fact));
    } else {
      others.push_back(std::move(fact));
    }
  }
  store.erase_facts_of(item.turns.front(), kApprovedDeriver);
  for (const Fact& fact : others) store.put_fact(fact);
  settle_facts(store, changed);
}

}  // namespace

std::vector<ProfileItem> profile_items(const Store& store, std::span<const ScopeId> scopes,
                                       std::span<const ScopeId> own) {
  std::vector<ProfileItem> items = store.items(scopes);
  for (ProfileItem& item : items) {
    if (item.status != ProfileItem::Status::proposed || item.turns.empty()) continue;
    const bool is_stated = item.kind == ProfileItem::Kind::fact
                               ? is_stated_fact(store, own, item)
                               : is_stated_trait(store, own, item);
    if (is_stated) item.status = ProfileItem::Status::confirmed;
  }
  return items;
}

void decide_item(Store& store, std::span<const ScopeId> scopes, ItemId id, bool approves,
                 Time now) {
  store.write([&] {
    std::optional<ProfileItem> item = store.item(id);
    const bool is_there = item && !item->turns.empty() &&
                          std::ranges::find(scopes, item->scope) != scopes.end();
    if (!is_there) fail(Code::not_found, "no memory " + item_name(id));
    const auto status = approves ? ProfileItem::Status::approved : ProfileItem::Status::rejected;
    if (item->status == status) return;
    if (item->kind == ProfileItem::Kind::fact) {
      if (approves) {
        const Fact fact = fact_of(store, *item);
        store.put_fact(fact);
        settle_facts(store, {{key_of(fact), fact}});
      } else if (item->status == ProfileItem::Status::approved) {
        take_back(store, *item);
      }
    }
    item->status = status;
    store.put_item(*item);
    store.add_event({.at = now, .actor = "user", .op = approves ? "approve" : "reject",
                     .kind = "profile", .first_id = id, .last_id = id, .reason = ""});
    store.raise_generation();
  });
}

}  // namespace corvid::memory
