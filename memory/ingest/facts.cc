#include "memory/ingest/facts.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>

#include "memory/ingest/annotate.h"
#include "memory/ingest/sentences.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

constexpr size_t kTextBytesRead = 4096;
constexpr size_t kFactsPerTurnMax = 8;
constexpr size_t kKeyWordsMax = 4;
constexpr size_t kValueWordsMax = 8;
constexpr size_t kQualifierWordsMax = 4;

// What is said of these is talk about the talk, or over in an hour.
constexpr std::string_view kPassing[] = {
    "problem", "problems", "issue", "issues", "bug", "bugs", "error", "errors", "question",
    "questions", "answer", "point", "idea", "ideas", "thing", "things", "reason", "reasons",
    "guess", "opinion", "view", "hunch", "suspicion", "concern", "concerns", "worry", "fear",
    "hope", "impression", "understanding", "feeling", "thought", "thoughts", "suggestion",
    "suggestions", "advice", "mistake", "fault", "turn", "fix", "result", "output", "rest",
    "trick", "case", "difference", "way", "ways", "bet", "worst", "minute", "minutes", "hour",
    "hours", "second", "seconds", "day", "days", "week", "weeks", "month", "months", "years",
    "times", "comment", "comments", "doubt", "doubts", "option", "options", "choice", "choices",
    "chance", "test", "tests", "failure", "failures", "warning", "warnings", "moment", "meeting",
    "meetings", "left", "more", "request", "requests", "wish", "favor", "note", "notes"};
// How something is at the moment, beside words in -ed and -ing.
constexpr std::string_view kStates[] = {
    "broken", "frozen", "stolen", "gone", "done", "lost", "stuck", "dead", "shut", "hurt", "torn",
    "worn", "hidden", "sent", "paid", "sold", "taken", "forgotten", "down", "up", "out", "over",
    "off", "due", "late", "early", "here", "there", "back", "fine", "ok", "okay", "good", "better",
    "bad", "worse", "great", "ready", "sick", "ill", "well", "open", "empty", "full", "slow",
    "fast", "wrong", "right", "correct", "true", "false", "sad", "happy", "angry", "hungry",
    "busy", "free", "available", "clean", "dirty", "nice", "awesome", "amazing", "green", "live",
    "about", "so", "very", "too", "really", "still", "already", "almost", "also", "no", "never",
    "none", "nothing", "neither", "what", "how", "why", "where", "who", "as", "like"};
// A key with one of these words has one value at a time.
constexpr std::string_view kSingle[] = {
    "name", "surname", "nickname", "number", "extension", "port", "code", "pin", "password",
    "address", "email", "mail", "url", "host", "hostname", "domain", "path", "folder", "version",
    "birthday", "birthdate", "age", "id", "username", "login", "handle", "home", "employer", "job",
    "occupation", "title", "favorite", "timezone", "zone", "currency", "branch", "deadline",
    "date", "size", "limit", "timeout", "budget", "price", "cost", "salary", "weight", "height",
    "phone", "boss", "manager", "hobby", "sport", "goal"};
constexpr std::string_view kChanges[] = {
    "now", "changed", "moved", "switched", "actually", "anymore", "correction", "sorry",
    "instead", "new", "updated", "renamed", "replaced", "became", "longer"};
constexpr std::string_view kPlaces[] = {"in", "on", "for", "at", "under", "during", "with"};
// Begin another thing than the one of the key ("my brother wrote my ...").
constexpr std::string_view kOthers[] = {"my", "our", "your", "his", "her", "their", "i", "you",
                                        "he", "she", "we", "they", "it", "that", "who", "which"};
// Say no more than "now" at the end of a value.
constexpr std::string_view kTrailing[] = {"now", "currently", "again", "today", "too", "please",
                                          "anyway", "though", "already", "thanks"};

bool one_of(std::string_view word, std::span<const std::string_view> list) {
  return std::ranges::find(list, word) != list.end();
}

bool one_of(std::string_view word, std::initializer_list<std::string_view> list) {
  return std::ranges::find(list, word) != list.end();
}

std::string_view low_at(const Words& words, size_t at) {
  return at < words.size() ? std::string_view(words[at].low) : std::string_view();
}

bool ends_value(std::string_view word) {
  return one_of(word, {"and", "but", "so", "because", "since", "which", "that", "while",
                       "although", "though", "when", "if", "for", "until", "instead", "not",
                       "unless", "or"});
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

bool is_capital(std::string_view word) {
  return !word.empty() &&
         ((word[0] >= 'A' && word[0] <= 'Z') || static_cast<unsigned char>(word[0]) >= 0x80);
}

bool is_article(std::string_view word) { return one_of(word, {"a", "an", "the"}); }

// Words of a value, [from, to).
struct Value {
  size_t from = 0, to = 0;
  std::string text(const Words& words) const {
    std::string out;
    for (size_t i = from; i < to; ++i) {
      out += (out.empty() ? "" : " ") + std::string(words[i].as_said);
    }
    return out;
  }
};

// nullopt: none, or one of several ("or"), or on a condition.
std::optional<Value> value_at(const Words& words, size_t at) {
  while (one_of(low_at(words, at), {"now", "actually", "called", "named", "currently", "just"})) {
    ++at;
  }
  if (is_article(low_at(words, at))) ++at;
  Value value{at, at};
  while (value.to < words.size() && value.to - value.from < kValueWordsMax) {
    if (ends_value(words[value.to].low)) break;
    if (words[value.to++].ends_clause) break;
  }
  const bool is_cut_off = value.to == value.from || !words[value.to - 1].ends_clause;
  if (is_cut_off && one_of(low_at(words, value.to), {"if", "unless", "or", "when"})) {
    return std::nullopt;
  }
  const auto last = [&] { return low_at(words, value.to - 1); };
  while (value.to > value.from + 1) {
    const bool is_phrase = value.to > value.from + 2 &&
                           one_of(low_at(words, value.to - 2), {"these", "this", "right", "at"}) &&
                           one_of(last(), {"days", "week", "month", "year", "now", "moment",
                                           "present"});
    if (!is_phrase && !one_of(last(), kTrailing)) break;
    value.to -= is_phrase ? 2 : 1;
  }
  if (value.to == value.from) return std::nullopt;
  return value;
}

// How the thing is at the moment rather than what it is.
bool is_state(const Words& words, const Value& value) {
  const std::string_view first = words[value.from].low;
  if (one_of(first, kStates)) return true;
  const bool has_article = value.from > 0 && is_article(words[value.from - 1].low);
  if (has_article || is_capital(words[value.from].as_said) || is_exact(first)) return false;
  return first.size() >= 5 && (first.ends_with("ed") || first.ends_with("ing"));
}

// A run of words with capitals; of the words between only those that stand in names.
std::optional<Value> name_at(const Words& words, size_t at, bool only_plain) {
  while (one_of(low_at(words, at), {"now", "currently", "the"})) ++at;
  Value value{at, at};
  for (size_t i = at; i < words.size(); ++i) {
    const bool is_link = one_of(words[i].low, {"of", "de", "la", "le", "du", "da", "von", "van",
                                               "der", "den", "el", "al", "am", "upon"});
    if (!is_capital(words[i].as_said) && !is_link) break;
    if (!is_link) value.to = i + 1;
    if (words[i].ends_clause) break;
  }
  if (value.to == value.from || !is_capital(words[at].as_said)) return std::nullopt;
  if (words[value.to - 1].low.ends_with("'s")) return std::nullopt;  // "Bob's team"
  for (size_t i = at; only_plain && i < value.to; ++i) {
    const std::string_view rest = words[i].as_said.substr(1);
    const bool is_plain = std::ranges::none_of(rest, [](char c) { return c >= 'A' && c <= 'Z'; });
    if (is_exact(words[i].as_said) || (!is_plain && rest.size() > 2)) return std::nullopt;
  }
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

bool has_word(std::string_view text, std::span<const std::string_view> list) {
  for (size_t from = 0; from <= text.size();) {
    const size_t end = std::min(text.find(' ', from), text.size());
    if (one_of(text.substr(from, end - from), list)) return true;
    from = end + 1;
  }
  return false;
}

struct Found {
  std::string key{};
  std::string value{};
  bool of_project = false;
};
using AllFound = std::vector<Found>;

// "8080 in staging and 9090 in production": each with its own key. False: nothing of the kind.
bool add_qualified(const Words& words, Value value, const std::string& key, AllFound& out) {
  while (value.to - value.from >= 3 && is_exact(words[value.from].as_said) &&
         one_of(words[value.from + 1].low, kPlaces)) {
    std::string part = key + " " + words[value.from + 1].low;
    const size_t end = std::min(value.to, value.from + 2 + kQualifierWordsMax);
    for (size_t i = value.from + 2; i < end; ++i) {
      if (!is_article(words[i].low)) part += " " + words[i].low;
    }
    out.push_back({.key = part, .value = std::string(words[value.from].as_said)});
    const bool goes_on = !words[value.to - 1].ends_clause && low_at(words, value.to) == "and";
    const auto next = goes_on ? value_at(words, value.to + 1) : std::nullopt;
    if (!next) return true;
    value = *next;
  }
  return !out.empty();
}

// "KEY is VALUE" from `at`, with at most kKeyWordsMax words of key.
AllFound key_is_value(const Words& words, size_t at, bool needs_exact) {
  for (size_t verb = at + 1; verb < words.size() && verb <= at + kKeyWordsMax; ++verb) {
    if (words[verb - 1].ends_clause || one_of(words[verb - 1].low, kOthers)) return {};
    const std::string_view low = words[verb].low;
    const std::string_view next = low_at(words, verb + 1);
    size_t from = 0;
    bool says_now = false;
    if (low == "is" || low == "are") {
      from = verb + 1;
      says_now = next == "now";
    } else if ((one_of(low, {"changed", "moved", "switched"}) && next == "to") ||
               (one_of(low, {"runs", "listens"}) && next == "on")) {
      from = verb + 2;
      says_now = true;
    } else {
      continue;
    }
    const std::string key = key_of(words, at, verb);
    const auto value = value_at(words, from);
    if (key.empty() || !value || has_word(key, kPassing)) return {};
    if (words[value->from].low.starts_with("redacted:")) return {};  // a secret that was taken out
    if (!has_word(key, kSingle) && is_state(words, *value)) return {};
    AllFound found;
    if (add_qualified(words, *value, key, found)) return found;
    const std::string said = value->text(words);
    if (needs_exact && !says_now && !is_exact(said)) return {};
    if (needs_exact && says_now && is_state(words, *value)) return {};
    return {{.key = key, .value = said}};
  }
  return {};
}

AllFound one(std::string key, const Words& words, const std::optional<Value>& value) {
  if (!value) return {};
  return {{.key = std::move(key), .value = value->text(words)}};
}

AllFound about_me(const Words& words, size_t at) {
  const auto low = [&](size_t i) { return low_at(words, i); };
  while (one_of(low(at), {"now", "just", "currently", "recently", "have", "actually"}) &&
         low(at + 1) != "" && !is_number(low(at + 1))) {
    ++at;
  }
  const std::string_view verb = low(at);
  const std::string_view next = low(at + 1);
  if (verb == "live" && next == "in") return one("home", words, name_at(words, at + 2, false));
  if (verb == "moved" && next == "to") return one("home", words, name_at(words, at + 2, true));
  if (verb == "work" && (next == "at" || next == "for")) {
    return one("employer", words, name_at(words, at + 2, false));
  }
  if (verb == "work" && next == "as") return one("job", words, value_at(words, at + 2));
  const bool got = verb == "got" && at > 0 && one_of(low(at - 1), {"i've", "have"});
  if ((!one_of(verb, {"have", "own"}) && !got) || !is_number(next) || low(at + 2).empty()) {
    return {};
  }
  const size_t end = std::min(words.size(), at + (words[at + 2].ends_clause ? 3u : 4u));
  const std::string counted = key_of(words, at + 2, end);
  if (counted.empty() || has_word(counted, kPassing)) return {};
  return {{.key = "number of " + counted, .value = std::string(words[at + 1].as_said)}};
}

// "we use VALUE for KEY"
AllFound we_use(const Words& words, size_t at) {
  if (!one_of(low_at(words, at), {"use", "chose", "picked"})) return {};
  const auto value = value_at(words, at + 1);
  if (!value || low_at(words, value->to) != "for") return {};
  size_t end = value->to + 1;
  while (end < words.size() && end <= value->to + kKeyWordsMax && !ends_value(words[end].low)) {
    if (words[end++].ends_clause) break;
  }
  const std::string key = key_of(words, value->to + 1, end);
  if (key.empty()) return {};
  return {{.key = key, .value = value->text(words), .of_project = true}};
}

AllFound match(const Words& words, size_t at) {
  const std::string_view low = words[at].low;
  const bool begins = low == "my" || low == "the" || low == "our" || low == "i" || low == "i've" ||
                      low == "we" || (low == "call" && at == 0);
  if (!begins || !is_claimed(words, at)) return {};
  if (low == "my") return key_is_value(words, at + 1, false);
  if (low == "the" || low == "our") {
    AllFound found = key_is_value(words, at + 1, true);
    for (Found& each : found) each.of_project = true;
    return found;
  }
  if (low == "we") return we_use(words, at + 1);
  if (low != "call") return about_me(words, at + 1);
  return low_at(words, 1) == "me" ? one("name", words, value_at(words, 2)) : AllFound();
}

// Letters and digits by their kind: "Volvo V70" is "a a0".
std::string shape_of(std::string_view value) {
  if (value.find('@') != std::string_view::npos) return "@";
  if (value.find('/') != std::string_view::npos) return "/";
  std::string shape;
  bool has_letter = false;
  for (const char c : value) {
    const bool is_digit = c >= '0' && c <= '9';
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           static_cast<unsigned char>(c) >= 0x80;
    has_letter |= is_letter;
    const char kind = is_digit ? '0' : is_letter ? 'a' : c;
    if (shape.empty() || shape.back() != kind) shape += kind;
  }
  return has_letter ? shape : "0";
}

// In the clause of the value, or at the beginning ("Sorry, ...").
bool says_change(const Fact& fact) {
  const Words words = words_in(fact.text);
  if (words.empty()) return false;
  const std::string_view end = std::string_view(fact.value).substr(fact.value.rfind(' ') + 1);
  if (one_of(words[0].low, kChanges) || words[0].low == "no") return true;
  bool changes = false;
  for (size_t i = 0; i < words.size(); ++i) {
    changes |= one_of(words[i].low, kChanges);
    if (words[i].as_said == end) {
      return changes || (!words[i].ends_clause && one_of(low_at(words, i + 1), kChanges));
    }
    if (words[i].ends_clause || one_of(words[i].low, {"and", "but"})) changes = false;
  }
  return false;
}

}  // namespace

std::vector<Fact> facts_of(const Turn& turn) {
  std::vector<Fact> facts;
  if (turn.tier <= Tier::tool) return facts;
  for (const std::string_view sentence : statements_of(truncate_utf8(turn.text, kTextBytesRead))) {
    const Words words = words_in(sentence);
    for (size_t at = 0; at < words.size() && facts.size() < kFactsPerTurnMax; ++at) {
      for (const Found& found : match(words, at)) {
        Fact fact;
        fact.scope = turn.scope;
        fact.turn = turn.id;
        fact.subject = found.of_project ? "" : lower_case(turn.speaker);
        fact.key = found.key;
        fact.value = found.value;
        fact.text = truncate_utf8(sentence, kSentenceBytesKept);
        fact.valid_from = turn.said_at;
        fact.tier = turn.tier;
        fact.deriver = kFactDeriver;
        std::erase_if(facts, [&](const Fact& each) { return key_of(each) == key_of(fact); });
        facts.push_back(std::move(fact));
      }
    }
  }
  return facts;
}

bool contradicts(const Fact& later, const Fact& earlier) {
  const bool both_exact = is_exact(later.value) && is_exact(earlier.value);
  // Of the project only what is exact, was chosen or has changed counts as stated.
  return later.subject.empty() || has_word(later.key, kSingle) ||
         later.key.starts_with("number of ") ||
         (both_exact && shape_of(later.value) == shape_of(earlier.value)) || says_change(later);
}

}  // namespace corvid::memory
