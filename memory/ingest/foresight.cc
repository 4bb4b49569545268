#include "memory/ingest/foresight.h"

#include <algorithm>
#include <set>
#include <string>

#include "memory/ingest/annotate.h"
#include "memory/ingest/facts.h"
#include "memory/ingest/times.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

using std::chrono::days;

constexpr size_t kTextBytesRead = 4096;
constexpr size_t kPerTurnMax = 6;
constexpr size_t kSentenceBytesKept = 300;
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
constexpr std::string_view kDone[] = {
    "finished", "completed", "submitted", "done", "went to", "made it", "sent", "shipped",
    "released", "delivered", "bought", "visited", "attended", "passed", "moved to", "signed",
    "handed in", "merged", "deployed", "fixed", "wrote", "took", "gave", "met", "ran", "finally"};
constexpr std::string_view kOff[] = {
    "cancelled", "canceled", "called off", "no longer", "not going to", "won't", "will not",
    "changed my mind", "decided not to", "decided against", "gave up", "fell through",
    "postponed", "abandoned"};

// Is one of the phrases in `low`, between word borders?
bool holds(std::string_view low, std::span<const std::string_view> phrases) {
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '\'';
  };
  return std::ranges::any_of(phrases, [&](std::string_view phrase) {
    for (size_t at = low.find(phrase); at != std::string_view::npos;
         at = low.find(phrase, at + 1)) {
      const size_t end = at + phrase.size();
      if ((at == 0 || !is_word(low[at - 1])) && (end == low.size() || !is_word(low[end]))) {
        return true;
      }
    }
    return false;
  });
}

std::string stem(std::string word) {
  if (word.size() > 2 && word.ends_with("'s")) word.resize(word.size() - 2);
  for (const std::string_view ending : {"ting", "ning", "ing", "ted", "ed", "es", "s", "e"}) {
    if (word.size() >= ending.size() + 3 && word.ends_with(ending)) {
      word.resize(word.size() - ending.size());
      break;
    }
  }
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
      "wednesday", "thursday", "friday", "saturday", "sunday", "scheduled", "intend", "ve"};
  return kWords.contains(word);
}

std::string words_for(std::string_view sentence) {
  std::set<std::string> words;
  for (std::string& word : words_of(sentence)) {
    if (!is_stop_word(word) && !says_little(word)) words.insert(stem(std::move(word)));
  }
  return join({words.begin(), words.end()}, " ");
}

std::optional<Foresight> read(std::string_view sentence, const Turn& turn) {
  const std::string low = lower_case(sentence);
  const Time today = std::chrono::floor<days>(turn.said_at);
  Foresight found;
  bool has_future = false;
  found.valid_from = today;
  for (const TimeRef& ref : time_refs(sentence, turn.said_at)) {
    if (ref.last < today) continue;
    const bool is_limit = low.substr(0, ref.from).ends_with("by ") ||
                          low.substr(0, ref.from).ends_with("until ") ||
                          low.substr(0, ref.from).ends_with("within ");
    if (!is_limit) found.valid_from = has_future ? std::min(found.valid_from, ref.first)
                                                 : std::max(ref.first, today);
    found.valid_to = std::max(found.valid_to.value_or(ref.last), ref.last);
    has_future = true;
  }
  if (holds(low, kOff)) {
    found.kind = Foresight::Kind::off;
  } else if (holds(low, kPlans) || (has_future && holds(low, kWithTime))) {
    found.kind = Foresight::Kind::plan;
  } else if (holds(low, kDone)) {
    found.kind = Foresight::Kind::done;
  } else {
    return std::nullopt;
  }
  found.words = words_for(sentence);
  if (found.words.empty()) return std::nullopt;
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
  for (const Foresight& one : all) words.push_back(split(one.words));
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].kind != Foresight::Kind::plan || all[i].said_at > at) continue;
    Foresight plan = all[i];
    for (size_t k = i + 1; k < all.size() && all[k].said_at <= at; ++k) {
      const Foresight& later = all[k];
      if (later.said_at > plan.valid_to.value_or(plan.said_at) + kNewsAfterMax) break;
      if (later.kind == Foresight::Kind::plan || later.turn == plan.turn ||
          later.scope != plan.scope || later.subject != plan.subject ||
          !are_of_one_thing(words[i], words[k])) {
        continue;
      }
      plan.status = later.kind == Foresight::Kind::done ? Foresight::Status::kept
                                                        : Foresight::Status::withdrawn;
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
