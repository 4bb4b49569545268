#include "memory/ingest/facts.h"

#include <algorithm>
#include <map>
#include <set>

#include "memory/ingest/annotate.h"
#include "memory/ingest/foresight.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

constexpr size_t kTextBytesRead = 4096;
constexpr size_t kFactsPerTurnMax = 8;
constexpr size_t kKeyWordsMax = 4;
constexpr size_t kValueWordsMax = 8;
constexpr size_t kSentenceBytesKept = 300;

struct Word {
  std::string low;
  std::string_view as_said;
  bool ends_clause = false;  // a comma, bracket or the like follows
};

using Words = std::vector<Word>;

bool one_of(std::string_view word, std::initializer_list<std::string_view> list) {
  return std::ranges::find(list, word) != list.end();
}

bool is_in_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80 ||
         std::string_view("'_./:@$%#+-").find(c) != std::string_view::npos;
}

Words cut(std::string_view sentence) {
  Words words;
  for (size_t at = 0; at < sentence.size();) {
    if (!is_in_word(sentence[at])) {
      const bool is_blank = sentence[at] == ' ' || sentence[at] == '\t' || sentence[at] == '"';
      if (!words.empty() && !is_blank) words.back().ends_clause = true;
      ++at;
      continue;
    }
    size_t end = at;
    while (end < sentence.size() && is_in_word(sentence[end])) ++end;
    std::string_view word = sentence.substr(at, end - at);
    at = end;
    bool ends = false;
    while (!word.empty() && one_of(word.substr(word.size() - 1), {".", ":", "'", "-", "/"})) {
      word.remove_suffix(1);
      ends = true;
    }
    if (word.empty()) continue;
    words.push_back({lower_case(word), word, ends});
  }
  return words;
}

// "NAME {...}": what was called, not what was said.
bool is_call(std::string_view line) {
  const size_t name = line.find(' ');
  return name != std::string_view::npos && line.substr(name).starts_with(" {") &&
         line.ends_with('}') && (line.ends_with("{}") || line.substr(name).starts_with(" {\""));
}

void add_sentences(std::string_view line, bool that_ask, std::vector<std::string_view>& out) {
  size_t from = 0;
  for (size_t i = 0; i <= line.size(); ++i) {
    const bool at_end = i == line.size();
    const bool is_stop = !at_end && one_of(line.substr(i, 1), {".", "!", "?", ";"}) &&
                         (i + 1 == line.size() || line[i + 1] == ' ');
    if (!at_end && !is_stop) continue;
    const std::string_view sentence = trim(line.substr(from, i - from));
    const bool asks = !at_end && line[i] == '?';
    if (!sentence.empty() && asks == that_ask) out.push_back(sentence);
    from = i + 1;
  }
}

std::vector<std::string_view> sentences_of(std::string_view text, bool that_ask) {
  std::vector<std::string_view> out;
  std::string_view fence;  // not empty: inside of one
  for (const std::string_view line : split_lines(text)) {
    const std::string_view bare = trim(line);
    const bool is_fence = bare.starts_with("```") || bare.starts_with("~~~");
    if (is_fence && (fence.empty() || bare.starts_with(fence))) {
      fence = fence.empty() ? bare.substr(0, 3) : std::string_view();
      continue;
    }
    if (!fence.empty() || bare.starts_with('>') || is_call(bare)) continue;
    add_sentences(bare, that_ask, out);
  }
  return out;
}

bool ends_value(std::string_view word) {
  return one_of(word, {"and", "but", "so", "because", "since", "which", "that", "while",
                       "although", "though", "when", "if", "for", "until", "instead", "not"});
}

std::optional<std::string> value_at(const Words& words, size_t at) {
  while (at < words.size() && one_of(words[at].low, {"now", "actually", "called", "named", "a",
                                                     "an", "the", "currently", "just"})) {
    ++at;
  }
  std::string value;
  for (size_t count = 0; at < words.size() && count < kValueWordsMax; ++at, ++count) {
    if (ends_value(words[at].low)) break;
    value += (value.empty() ? "" : " ") + std::string(words[at].as_said);
    if (words[at].ends_clause) break;
  }
  if (value.empty()) return std::nullopt;
  return value;
}

// Words `from` to `to` as a key: without stop words, "new", "current" and the possessive.
std::string key_of(const Words& words, size_t from, size_t to) {
  std::string key;
  for (size_t i = from; i < to; ++i) {
    std::string_view word = words[i].low;
    if (word.ends_with("'s")) word.remove_suffix(2);
    if (is_stop_word(word) || one_of(word, {"new", "current", "own"})) continue;
    if (word == "favourite") word = "favorite";
    key += (key.empty() ? "" : " ") + std::string(word);
  }
  return key;
}

// Not prose: holds a digit or a sign that names and addresses have.
bool is_exact(std::string_view value) {
  return value.find_first_of("0123456789_/@:#") != std::string_view::npos;
}

bool is_number(std::string_view word) {
  if (one_of(word, {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
                    "eleven", "twelve", "no"})) {
    return true;
  }
  return !word.empty() && std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; });
}

struct Found {
  std::string key{};
  std::string value{};
  bool of_project = false;
};

// "KEY is VALUE" from `at`, with at most kKeyWordsMax words of key.
std::optional<Found> key_is_value(const Words& words, size_t at, bool needs_exact) {
  for (size_t verb = at + 1; verb < words.size() && verb <= at + kKeyWordsMax; ++verb) {
    if (words[verb - 1].ends_clause) return std::nullopt;
    const std::string_view low = words[verb].low;
    std::string_view next;
    if (verb + 1 < words.size()) next = words[verb + 1].low;
    size_t value = 0;
    bool says_now = false;
    if (low == "is" || low == "are") {
      value = verb + 1;
      says_now = next == "now";
    } else if ((one_of(low, {"changed", "moved", "switched"}) && next == "to") ||
               (one_of(low, {"runs", "listens"}) && next == "on")) {
      value = verb + 2;
      says_now = true;
    } else {
      continue;
    }
    Found found{.key = key_of(words, at, verb)};
    const auto said = value_at(words, value);
    if (found.key.empty() || !said || (needs_exact && !says_now && !is_exact(*said))) {
      return std::nullopt;
    }
    found.value = *said;
    return found;
  }
  return std::nullopt;
}

std::optional<Found> about_me(const Words& words, size_t at) {
  const auto low = [&](size_t i) -> std::string_view {
    return i < words.size() ? std::string_view(words[i].low) : "";
  };
  while (one_of(low(at), {"now", "just", "currently", "recently", "have", "actually"}) &&
         low(at + 1) != "" && !is_number(low(at + 1))) {
    ++at;
  }
  std::string key;
  size_t value = at + 2;
  if (one_of(low(at), {"live", "moved"}) && one_of(low(at + 1), {"in", "to"})) {
    key = "home";
  } else if (low(at) == "work" && one_of(low(at + 1), {"at", "for"})) {
    key = "employer";
  } else if (low(at) == "work" && low(at + 1) == "as") {
    key = "job";
  } else if (one_of(low(at), {"have", "own", "got"})) {
    if (!is_number(low(at + 1)) || low(at + 2).empty()) return std::nullopt;
    const size_t end = std::min(words.size(), at + (words[at + 2].ends_clause ? 3u : 4u));
    return Found{.key = "number of " + key_of(words, at + 2, end),
                 .value = std::string(words[at + 1].as_said)};
  } else {
    return std::nullopt;
  }
  const auto said = value_at(words, value);
  if (!said) return std::nullopt;
  return Found{.key = key, .value = *said};
}

// "we use VALUE for KEY"
std::optional<Found> we_use(const Words& words, size_t at) {
  if (at >= words.size() || !one_of(words[at].low, {"use", "chose", "picked"})) return std::nullopt;
  const auto said = value_at(words, at + 1);
  for (size_t i = at + 2; said && i + 1 < words.size() && i < at + 2 + kValueWordsMax; ++i) {
    if (words[i].low != "for") continue;
    size_t end = i + 1;
    while (end < words.size() && end <= i + kKeyWordsMax && !ends_value(words[end].low)) {
      if (words[end++].ends_clause) break;
    }
    const std::string key = key_of(words, i + 1, end);
    if (key.empty()) return std::nullopt;
    return Found{.key = key, .value = *said, .of_project = true};
  }
  return std::nullopt;
}

std::optional<Found> match(const Words& words, size_t at) {
  const std::string_view low = words[at].low;
  std::string_view next;
  if (at + 1 < words.size()) next = words[at + 1].low;
  if (low == "my") return key_is_value(words, at + 1, false);
  if (low == "the" || low == "our") {
    std::optional<Found> found = key_is_value(words, at + 1, true);
    if (found) found->of_project = true;
    return found;
  }
  if (low == "i" || low == "i've") return about_me(words, at + 1);
  if (low == "we") return we_use(words, at + 1);
  if (low == "call" && next == "me" && at == 0) {
    const auto said = value_at(words, 2);
    if (said) return Found{.key = "name", .value = *said};
  }
  return std::nullopt;
}

std::string plain(std::string_view value) { return join(words_of(value), " "); }

}  // namespace

std::vector<std::string_view> statements_of(std::string_view text) {
  return sentences_of(text, false);
}

std::vector<std::string_view> questions_of(std::string_view text) {
  return sentences_of(text, true);
}

std::vector<Fact> facts_of(const Turn& turn) {
  std::vector<Fact> facts;
  if (turn.tier <= Tier::tool) return facts;
  std::set<std::string> seen;
  for (const std::string_view sentence : statements_of(truncate_utf8(turn.text, kTextBytesRead))) {
    const Words words = cut(sentence);
    for (size_t at = 0; at < words.size() && facts.size() < kFactsPerTurnMax; ++at) {
      const std::optional<Found> found = match(words, at);
      if (!found) continue;
      Fact fact;
      fact.scope = turn.scope;
      fact.turn = turn.id;
      fact.subject = found->of_project ? "" : lower_case(turn.speaker);
      fact.key = found->key;
      fact.value = found->value;
      fact.text = truncate_utf8(sentence, kSentenceBytesKept);
      fact.valid_from = turn.said_at;
      fact.tier = turn.tier;
      fact.deriver = kFactDeriver;
      if (seen.insert(fact.subject + '\n' + fact.key).second) facts.push_back(std::move(fact));
    }
  }
  return facts;
}

namespace {

// `facts` by the time they were said; their old status does not count.
void decide(std::vector<Fact>& facts) {
  std::vector<std::string> values;
  for (const Fact& fact : facts) values.push_back(plain(fact.value));
  std::vector<size_t> open;  // not superseded so far
  size_t current = 0;
  Tier tier = Tier::web;  // the highest that says what the current one says
  for (size_t i = 0; i < facts.size(); ++i) {
    Fact& fact = facts[i];
    fact.status = Fact::Status::active;
    fact.closed_at = std::nullopt;
    fact.superseded_by = 0;
    if (i > 0 && values[i] == values[current]) {
      fact.status = Fact::Status::confirmed;
      tier = std::max(tier, fact.tier);
    } else if (i > 0 && fact.tier < tier) {
      fact.status = Fact::Status::disputed;
      fact.superseded_by = facts[current].id;
    } else {
      std::erase_if(open, [&](size_t place) {
        Fact& old = facts[place];
        if (values[place] == values[i]) {  // it disputed what no longer holds
          old.status = Fact::Status::confirmed;
          old.superseded_by = 0;
          return false;
        }
        old.status = Fact::Status::superseded;
        old.closed_at = fact.valid_from;
        old.superseded_by = fact.id;
        return true;
      });
      current = i;
      tier = fact.tier;
    }
    open.push_back(i);
  }
}

}  // namespace

void settle_facts(Store& store, std::span<const Fact> changed) {
  std::set<FactKey> settled;
  for (const Fact& any : changed) {
    if (!settled.insert(key_of(any)).second) continue;
    std::vector<Fact> facts = store.rivals(any);
    const std::vector<Fact> before = facts;
    decide(facts);
    for (size_t i = 0; i < facts.size(); ++i) {
      const bool is_same = facts[i].status == before[i].status &&
                           facts[i].superseded_by == before[i].superseded_by &&
                           facts[i].closed_at == before[i].closed_at;
      if (!is_same) store.put_fact(facts[i]);
    }
  }
}

void add_facts(Store& store, const Turn& turn, std::vector<Fact>& changed) {
  for (Fact& fact : facts_of(turn)) {
    store.put_fact(fact);
    changed.push_back(std::move(fact));
  }
}

void drop_facts(Store& store, TurnId turn, std::vector<Fact>& changed) {
  for (Fact& fact : store.facts_of_turn(turn)) changed.push_back(std::move(fact));
  store.erase_facts_of(turn);
  store.erase_foresights_of(turn);
}

void rebuild_facts(Store& store) {
  store.erase_facts();
  store.erase_foresights();
  std::map<FactKey, Fact> stated;  // one of each key
  store.for_each_text(store.all_scopes(), [&](const Turn& turn) {
    if (store.amended_by(turn.id)) return;
    std::vector<Fact> facts;
    add_facts(store, turn, facts);
    for (Fact& fact : facts) stated.try_emplace(key_of(fact), std::move(fact));
    add_foresights(store, turn);
  });
  for (const auto& [key, fact] : stated) settle_facts(store, std::span(&fact, 1));
  store.set_lacks_facts(false);
}

}  // namespace corvid::memory
