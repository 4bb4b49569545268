#include "memory/ingest/foresight.h"

#include <algorithm>
#include <set>
#include <string>

#include "memory/ingest/annotate.h"
#include "memory/ingest/facts.h"
#include "memory/ingest/sentences.h"
#include "memory/ingest/times.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

using std::chrono::days;

constexpr size_t kTextBytesRead = 4096;
constexpr size_t kPerTurnMax = 6;
constexpr size_t kSharedWordsMin = 2;
constexpr double kSharedPartMin = 0.4;  // of the shorter sentence
constexpr days kNewsAfterMax(180);       // after the planned time nobody looks back

// Say by themselves that something is to come.
constexpr std::string_view kPlans[] = {
    "i'm going to", "i am going to", "we're going to", "we are going to", "i plan to",
    "we plan to", "i'm planning", "we're planning", "i am planning", "we are planning",
    "i intend to", "deadline", "is due", "are due", "due on", "due by", "scheduled for",
    "remind me to", "todo", "don't forget to", "i promised to"};
// Say it beside a time that lies ahead.
constexpr std::string_view kWithTime[] = {
    "i will", "i'll", "we will", "we'll", "i have", "we have", "i need", "we need", "i must",
    "we must", "i should", "i'm", "we're", "appointment", "starts", "begins", "takes place",
    "must be", "has to be", "meeting", "will be"};
// Whatever the plan was, it is done,
constexpr std::string_view kDone[] = {
    "finished", "completed", "done", "went to", "made it", "submitted", "sent", "shipped",
    "released", "delivered", "attended", "passed", "signed", "handed in", "merged", "deployed"};
// and those do only what they name.
struct Verb {
  std::string_view said, meant;
};
constexpr Verb kDid[] = {{"bought", "buy"}, {"wrote", "write"}, {"took", "take"},
                         {"gave", "give"},  {"met", "meet"},    {"ran", "run"},
                         {"sold", "sell"},  {"built", "build"}, {"paid", "pay"},
                         {"read", "read"}};  // beside all that end in -ed
constexpr Verb kOff[] = {{"cancelled", "cancel"},        {"canceled", "cancel"},
                         {"called off", "cancel"},       {"abandoned", "abandon"},
                         {"postponed", "postpone"},      {"gave up", ""},
                         {"changed my mind", ""},        {"decided not to", ""},
                         {"decided against", ""},        {"fell through", ""},
                         {"no longer happening", ""},    {"no longer planned", ""},
                         {"no longer going", ""},        {"won't happen", ""},
                         {"will not happen", ""},        {"won't take place", ""},
                         {"will not take place", ""}};
// Call off what "I" or "we" say before them and what follows is no mere "be".
constexpr std::string_view kRefusals[] = {"won't", "will not", "not going to", "no longer plan to",
                                          "no longer want to"};
// With a time that lies ahead: the plan has a new one.
constexpr std::string_view kMoved[] = {"postponed", "moved", "rescheduled", "pushed", "delayed",
                                       "extended", "put off", "brought forward"};
constexpr std::string_view kNewTime[] = {"to", "until", "till", "for", "by"};
// In such a sentence nothing has become of anything.
constexpr std::string_view kSupposes[] = {"if", "unless", "wish", "hope", "hopefully", "suppose",
                                          "imagine"};
// Nor directly before what would be done.
constexpr std::string_view kNotSo[] = {
    "not", "never", "almost", "nearly", "haven't", "hasn't", "hadn't", "didn't", "isn't", "aren't",
    "wasn't", "weren't", "couldn't", "can't", "won't", "without", "once", "until", "before",
    "when", "would", "could", "should", "might", "be", "half", "partly", "far"};
constexpr size_t kNotSoWords = 4;
// Between who did it and what was done.
constexpr std::string_view kBetween[] = {"finally", "just", "already", "have", "has", "had", "also",
                                         "then", "now", "today", "successfully", "at", "last"};
constexpr std::string_view kPassive[] = {"is", "are", "was", "were", "been", "got", "gets"};
constexpr std::string_view kSelf[] = {"i", "we", "i've", "we've", "i'm", "we're", "i'd", "and",
                                      "but", "so", "all", "both"};
constexpr std::string_view kOnlyThen[] = {"without", "until", "unless", "before", "if", "alone"};

bool one_of(std::string_view word, std::span<const std::string_view> list) {
  return std::ranges::find(list, word) != list.end();
}

// Where the words of a phrase stand in a row: [from, to). `to` 0: nowhere.
struct Place {
  size_t from = 0, to = 0;
};

Place find(const Words& words, std::string_view phrase) {
  for (size_t at = 0; at < words.size(); ++at) {
    size_t next = at;
    for (size_t from = 0; next < words.size(); ++next) {
      const size_t end = std::min(phrase.find(' ', from), phrase.size());
      if (words[next].low != phrase.substr(from, end - from)) break;
      if (end == phrase.size()) return {at, next + 1};
      from = end + 1;
    }
  }
  return {};
}

bool holds(const Words& words, std::span<const std::string_view> phrases) {
  return std::ranges::any_of(phrases, [&](std::string_view each) {
    return find(words, each).to > 0;
  });
}

// Is what stands there said to be so?
bool has_happened(const Words& words, size_t at) {
  for (size_t i = 0; i < at; ++i) {
    if (one_of(words[i].low, kSupposes) && !(words[i].ends_clause)) return false;
    const bool is_infinitive = words[i].low == "to" && i + 2 >= at;
    if (is_infinitive || (i + kNotSoWords >= at && one_of(words[i].low, kNotSo))) return false;
  }
  return true;
}

// Does "I", "we" or nobody named do what stands there?
bool is_self(const Words& words, size_t at) {
  while (at > 0 && one_of(words[at - 1].low, kBetween)) --at;
  return at == 0 || words[at - 1].ends_clause || one_of(words[at - 1].low, kSelf);
}

// Not "my sister ...".
bool is_own_doing(const Words& words, size_t at) {
  return is_self(words, at) || one_of(words[at - 1].low, kPassive);
}

bool refuses(const Words& words) {
  constexpr std::string_view kWeak[] = {"be", "have", "need", "forget", "let"};
  for (const std::string_view phrase : kRefusals) {
    const Place place = find(words, phrase);
    if (place.to == 0 || place.to >= words.size()) continue;
    const auto says_so = [&](size_t back) {
      return place.from >= back && (words[place.from - back].low.starts_with("i") ||
                                    words[place.from - back].low.starts_with("we")) &&
             words[place.from - back].low.size() <= 5;
    };
    const auto limits = [&](const Word& word) { return one_of(word.low, kOnlyThen); };
    if ((says_so(1) || says_so(2)) && !one_of(words[place.to].low, kWeak) &&
        std::none_of(words.begin() + static_cast<std::ptrdiff_t>(place.to), words.end(), limits)) {
      return true;
    }
  }
  return false;
}

std::string stem(std::string word) {
  const auto strip = [&](std::string_view ending) {
    if (word.size() < ending.size() + 3 || !word.ends_with(ending)) return false;
    word.resize(word.size() - ending.size());
    return true;
  };
  if (word.size() > 2 && word.ends_with("'s")) word.resize(word.size() - 2);
  if (strip("ies") || strip("ied")) return word + "y";
  if (strip("ing") || strip("ed")) {
    const char last = word.back();
    const bool is_doubled = word.size() > 3 && word[word.size() - 2] == last && last != 's' &&
                            last != 'l' && last != 'e';
    if (is_doubled) word.pop_back();
    if (word.ends_with('e')) word.pop_back();
    return word;
  }
  if (!strip("es") && !strip("s")) strip("e");
  return word;
}

// Words that plans and reports have in common whatever they are about.
bool says_little(std::string_view word) {
  static const std::set<std::string_view> kWords = {
      "going", "plan", "planning", "will", "i'll", "we'll", "we're", "need", "must", "today",
      "tomorrow", "yesterday", "week", "month", "year", "next", "last", "day", "days", "weeks",
      "due", "deadline", "remind", "todo", "finally", "went", "go", "done", "did", "make", "made",
      "get", "got", "finished", "finish", "completed", "sent", "send", "cancelled", "canceled",
      "postponed", "longer", "won't", "decided", "really", "new", "monday", "tuesday",
      "wednesday", "thursday", "friday", "saturday", "sunday", "scheduled", "intend", "ve",
      "january", "february", "march", "april", "may", "june", "july", "august", "september",
      "october", "november", "december", "moved", "rescheduled", "delayed", "pushed", "extended"};
  return kWords.contains(word);
}

std::string words_for(std::string_view sentence) {
  std::set<std::string> words;
  for (std::string& word : words_of(sentence)) {
    const bool is_number = word[0] >= '0' && word[0] <= '9';
    if (is_number || is_stop_word(word) || says_little(word)) continue;
    words.insert(stem(std::move(word)));
  }
  return join({words.begin(), words.end()}, " ");
}

// What the sentence says of a plan; `verb` is the one that the plan has to have, if any.
struct Reading {
  Foresight::Kind kind = Foresight::Kind::plan;
  std::string_view verb{};
};

std::optional<Reading> reading_of(const Words& words, bool has_future) {
  const auto is_so = [&](std::string_view phrase) {
    const Place place = find(words, phrase);
    return place.to > 0 && has_happened(words, place.from);
  };
  // "I moved to Lisbon" moves no date.
  const auto is_moved = [&](std::string_view phrase) {
    const Place place = find(words, phrase);
    return is_so(phrase) && (place.to >= words.size() || words[place.to].low != "to" ||
                             !is_self(words, place.from));
  };
  if (has_future && holds(words, kNewTime) && std::ranges::any_of(kMoved, is_moved)) {
    return Reading{Foresight::Kind::moved};
  }
  for (const Verb& each : kOff) {
    if (is_so(each.said)) return Reading{Foresight::Kind::off, each.meant};
  }
  if (refuses(words)) return Reading{Foresight::Kind::off};
  if (holds(words, kPlans) || (has_future && holds(words, kWithTime))) return Reading{};
  for (const std::string_view phrase : kDone) {
    if (is_so(phrase) && is_own_doing(words, find(words, phrase).from)) {
      return Reading{Foresight::Kind::done};
    }
  }
  for (const Verb& each : kDid) {
    if (is_so(each.said) && is_own_doing(words, find(words, each.said).from)) {
      return Reading{Foresight::Kind::done, each.meant};
    }
  }
  for (size_t i = 0; i < words.size(); ++i) {
    const bool is_past = words[i].low.size() >= 5 && words[i].low.ends_with("ed");
    if (is_past && has_happened(words, i) && is_own_doing(words, i)) {
      return Reading{Foresight::Kind::done, words[i].low};
    }
  }
  return std::nullopt;
}

std::optional<Foresight> read(std::string_view sentence, const Turn& turn) {
  const std::string low = lower_case(sentence);
  const Time today =
      std::chrono::floor<days>(turn.said_at + std::chrono::minutes(turn.said_offset));
  Foresight found;
  bool has_future = false;
  std::optional<Time> last_limit;
  found.valid_from = today;
  for (const TimeRef& ref : time_refs(sentence, turn.said_at, turn.said_offset)) {
    if (ref.last < today) continue;
    std::string_view before = std::string_view(low).substr(0, ref.from);
    if (before.ends_with("the ")) before.remove_suffix(4);
    const bool is_limit = before.ends_with("by ") || before.ends_with("until ");
    if (is_limit) last_limit = ref.first;
    else found.valid_from = has_future ? std::min(found.valid_from, ref.first)
                                                 : std::max(ref.first, today);
    found.valid_to = std::max(found.valid_to.value_or(ref.last), ref.last);
    has_future = true;
  }
  const Words said = words_in(sentence);
  const std::optional<Reading> reading = reading_of(said, has_future);
  if (!reading) return std::nullopt;
  found.kind = reading->kind;
  // "Postponed until May" begins then.
  if (found.kind == Foresight::Kind::moved && last_limit) found.valid_from = *last_limit;
  found.words = words_for(sentence);
  if (found.words.empty()) return std::nullopt;
  if (!reading->verb.empty()) {
    found.words = "+" + stem(std::string(reading->verb)) + " " + found.words;
  }
  found.text = truncate_utf8(sentence, kSentenceBytesKept);
  return found;
}

std::vector<std::string_view> split(std::string_view words) {
  std::vector<std::string_view> out;
  for (size_t from = 0; from <= words.size();) {
    const size_t end = std::min(words.find(' ', from), words.size());
    if (end > from) out.push_back(words.substr(from, end - from));
    from = end + 1;
  }
  return out;
}

bool are_of_one_thing(const std::vector<std::string_view>& a,
                      const std::vector<std::string_view>& b) {
  std::vector<std::string_view> shared;
  std::ranges::set_intersection(a, b, std::back_inserter(shared));
  const size_t shorter = std::min(a.size(), b.size());
  const size_t needed = std::min(kSharedWordsMin, shorter);
  return shared.size() >= needed &&
         static_cast<double>(shared.size()) >= kSharedPartMin * static_cast<double>(shorter);
}

bool is_plan(const Foresight& one) {
  return one.kind == Foresight::Kind::plan || one.kind == Foresight::Kind::moved;
}

}  // namespace

std::vector<Foresight> foresights_of(const Turn& turn) {
  std::vector<Foresight> found;
  if (turn.tier < Tier::project) return found;
  for (const std::string_view sentence :
       statements_of(truncate_utf8(turn.text, kTextBytesRead))) {
    if (found.size() >= kPerTurnMax) break;
    std::optional<Foresight> one = read(sentence, turn);
    if (!one) continue;
    one->scope = turn.scope;
    one->turn = turn.id;
    one->subject = lower_case(turn.speaker);
    one->said_at = turn.said_at;
    one->deriver = kForesightDeriver;
    found.push_back(std::move(*one));
  }
  return found;
}

void add_foresights(Store& store, const Turn& turn) {
  for (const Foresight& foresight : foresights_of(turn)) store.put_foresight(foresight);
}

std::vector<Foresight> settle_foresights(std::span<const Foresight> all, Time at) {
  std::vector<Foresight> plans;
  std::vector<std::vector<std::string_view>> words;
  std::vector<std::string_view> verbs;
  for (const Foresight& one : all) {
    words.push_back(split(one.words));
    const bool has_verb = !words.back().empty() && words.back().front().starts_with('+');
    verbs.push_back(has_verb ? words.back().front().substr(1) : "");
    if (has_verb) words.back().erase(words.back().begin());
  }
  for (size_t i = 0; i < all.size(); ++i) {
    if (!is_plan(all[i]) || all[i].said_at > at) continue;
    Foresight plan = all[i];
    for (size_t k = i + 1; k < all.size() && all[k].said_at <= at; ++k) {
      const Foresight& later = all[k];
      if (later.said_at > plan.valid_to.value_or(plan.said_at) + kNewsAfterMax) break;
      if (later.kind == Foresight::Kind::plan || later.turn == plan.turn ||
          later.scope != plan.scope || later.subject != plan.subject ||
          !are_of_one_thing(words[i], words[k])) {
        continue;
      }
      const bool has_verb = !verbs[k].empty() && std::ranges::binary_search(words[i], verbs[k]);
      const bool is_done = later.kind == Foresight::Kind::done;
      if (is_done && !verbs[k].empty() && !has_verb) continue;  // another thing was done
      // Who cancels what was to be cancelled does as planned.
      plan.status = is_done || has_verb ? Foresight::Status::kept : Foresight::Status::withdrawn;
      plan.closed_by = later.turn;
      break;
    }
    if (plan.closed_by == 0 && plan.valid_to && at >= *plan.valid_to + days(1)) {
      plan.status = Foresight::Status::expired;
    }
    plans.push_back(std::move(plan));
  }
  std::ranges::stable_sort(plans, {}, &Foresight::valid_from);
  return plans;
}

}  // namespace corvid::memory
