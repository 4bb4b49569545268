#include "memory/recall/question.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "memory/ingest/annotate.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

using std::chrono::days;

constexpr size_t kTermsMax = 64;
constexpr size_t kSpeakersMax = 256;  // above it, names say little
constexpr std::array<std::string_view, 12> kMonths = {
    "january", "february", "march",     "april",   "may",      "june",
    "july",    "august",   "september", "october", "november", "december"};

bool is_number(std::string_view word, int& value) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  return error == std::errc() && end == word.data() + word.size();
}

// "3rd" -> 3; 0 when it is not a day of a month.
int day_of(std::string_view word) {
  size_t digits = 0;
  while (digits < word.size() && word[digits] >= '0' && word[digits] <= '9') ++digits;
  const std::string_view ending = word.substr(digits);
  int value = 0;
  if (digits == 0 || digits > 2 || !is_number(word.substr(0, digits), value)) return 0;
  if (!ending.empty() && ending != "st" && ending != "nd" && ending != "rd" && ending != "th") {
    return 0;
  }
  return value >= 1 && value <= 31 ? value : 0;
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> starts) {
  return std::ranges::any_of(starts, [&](std::string_view start) {
    if (!text.starts_with(start)) return false;
    const char after = start.size() < text.size() ? text[start.size()] : ' ';
    return after < 'a' || after > 'z';
  });
}

// Is `name` a word, or the start of a word, of `text`?
bool names(std::string_view text, std::string_view name) {
  for (size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const char before = at == 0 ? ' ' : text[at - 1];
    const bool is_inside = (before >= 'a' && before <= 'z') || (before >= '0' && before <= '9');
    if (!is_inside) return true;
  }
  return false;
}

void find_speakers(std::string_view low, const Corpus& corpus, Question& question,
                   std::set<std::string>& names_of_speakers) {
  if (corpus.speakers().size() > kSpeakersMax) return;
  for (size_t i = 0; i < corpus.speakers().size(); ++i) {
    const Corpus::Speaker& speaker = corpus.speakers()[i];
    if (speaker.name.empty() || speaker.role == "tool" || speaker.role == "system") continue;
    if (speaker.name == speaker.role) continue;  // "user" is nobody's name
    const std::vector<std::string> words = words_of(speaker.name);
    names_of_speakers.insert(words.begin(), words.end());
    const bool by_first_name = words.size() > 1 && words[0].size() >= 3 && names(low, words[0]);
    if (!names(low, speaker.name) && !by_first_name) continue;
    question.asked.push_back(static_cast<int32_t>(i));
    if (std::ranges::find(question.asked_names, speaker.name) == question.asked_names.end()) {
      question.asked_names.push_back(speaker.name);
    }
  }
}

void find_dates(std::string_view text, const std::vector<std::string>& words,
                Question& question) {
  for (const std::string& word : words) {
    const auto month = std::ranges::find(kMonths, std::string_view(word));
    const bool is_month = month != kMonths.end() &&
                          (word != "may" || text.find("May") != std::string_view::npos);
    int number = 0;
    if (is_month) {
      question.months.push_back(static_cast<int>(month - kMonths.begin()) + 1);
    } else if (word.size() == 4 && word.starts_with("20") && is_number(word, number)) {
      question.years.push_back(number);
    }
  }
  if (question.months.empty()) return;
  for (const std::string& word : words) {
    if (const int day = day_of(word); day > 0) question.days.push_back(day);
  }
}

void find_ranges(const std::vector<std::string>& words, Time at, Question& question) {
  const Time today = std::chrono::floor<days>(at);
  const auto add = [&](int from_days_ago, int to_days_ago) {
    question.ranges.push_back({today - days(from_days_ago), today - days(to_days_ago)});
  };
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const std::string_view next = i + 1 < words.size() ? std::string_view(words[i + 1]) : "";
    const std::string_view third = i + 2 < words.size() ? std::string_view(words[i + 2]) : "";
    int count = 0;
    if (word == "today" || word == "tonight") add(0, 0);
    if (word == "yesterday") add(1, 1);
    if (word == "last" && next == "night") add(1, 0);
    if (word == "last" && next == "week") add(13, 1);
    if (word == "last" && next == "month") add(62, 1);
    if (third != "ago" || !is_number(word, count) || count < 1 || count > 1000) continue;
    if (next == "day" || next == "days") add(count, count);
    if (next == "week" || next == "weeks") add(7 * count + 3, 7 * count - 3);
    if (next == "month" || next == "months") add(30 * count + 15, 30 * count - 15);
  }
}

// Things that have names of their own.
constexpr std::string_view kNamedThings[] = {
    "actor", "actress", "airline", "album", "app", "artist", "author", "band", "bar", "beach",
    "book", "brand", "cafe", "character", "city", "club", "college", "comic", "company",
    "composer", "continent", "country", "director", "film", "friend", "gallery", "game", "holiday",
    "hotel", "island", "lake", "language", "library", "location", "magazine", "mountain", "movie",
    "museum", "musician", "name", "newspaper", "novel", "park", "people", "person", "place",
    "player", "podcast", "region", "restaurant", "river", "school", "series", "shop", "show",
    "singer", "song", "state", "store", "street", "team", "town", "university", "village",
    "website", "writer"};

std::string singular(std::string_view word) {
  const auto without = [&](size_t count) {
    return std::string(word.substr(0, word.size() - count));
  };
  if (word == "series" || word.ends_with("ss") || !word.ends_with('s')) return without(0);
  if (word.ends_with("ies") && word != "movies") return without(3) + "y";
  return without(word.ends_with("ches") || word.ends_with("sses") ? 2 : 1);
}

// "What fantasy novels has ...", "what are the names of ...": a noun before the first verb, or
// behind "are the".
bool asks_named_things(const std::vector<std::string>& words) {
  constexpr size_t kPhraseMax = 5;
  if (words.empty() || words[0] != "what") return false;
  size_t at = 1;
  const auto is_at = [&](std::initializer_list<std::string_view> any) {
    return at < words.size() && std::ranges::find(any, words[at]) != any.end();
  };
  if (is_at({"is", "are", "was", "were"})) ++at;
  for (const size_t end = at + kPhraseMax; at < end && at < words.size(); ++at) {
    if (is_at({"is", "are", "was", "were", "do", "does", "did", "has", "have", "had", "can",
               "could", "will", "would", "should", "may", "might", "of"})) {
      return false;
    }
    if (std::ranges::find(kNamedThings, singular(words[at])) != std::end(kNamedThings)) return true;
  }
  return false;
}

// Is it about what the assistant said?
bool asks_assistant(std::string_view low) {
  constexpr std::string_view kPhrases[] = {
      "you told",     "you suggested", "you recommended",       "you mentioned",  "you said",
      "you provided", "you gave",      "you listed",            "you shared",     "you described",
      "remind me",    "you'd",         "previous conversation", "previous chat",
      "previous discussion", "our last", "our previous", "our earlier", "we talked",
      "we discussed", "we chatted"};
  return std::ranges::any_of(kPhrases, [&](std::string_view phrase) { return names(low, phrase); });
}

}  // namespace

Question analyse_question(std::string_view text, const Corpus& corpus, Time at) {
  Question question;
  const std::string low = lower_case(text);
  const std::vector<std::string> words = words_of(text);
  std::set<std::string> skip;
  find_speakers(low, corpus, question, skip);
  std::set<std::string> seen;
  std::string_view before;  // of in_first_person, where it stands for a name
  for (const std::string& word : words) {
    const std::string_view bare =
        word.ends_with("'s") ? std::string_view(word).substr(0, word.size() - 2) : word;
    if (skip.contains(std::string(bare))) {
      const std::string_view self = bare.size() < word.size() ? "my " : "I ";
      if (self != before) question.in_first_person += self;  // a name of two words is one person
      before = self;
    } else {
      question.without_names += word + " ";
      question.in_first_person += word + " ";
      before = "";
    }
    if (is_stop_word(word) || skip.contains(std::string(bare)) || !seen.insert(word).second) {
      continue;
    }
    if (question.terms.size() < kTermsMax) question.terms.push_back(word);
  }
  find_dates(text, words, question);
  find_ranges(words, at, question);
  question.wants_time =
      starts_with_any(low, {"when", "how long", "in what", "which year", "which month", "on what",
                            "what date", "what day", "what month", "what year"});
  question.wants_name =
      starts_with_any(low, {"who", "where", "which"}) || asks_named_things(words);
  question.wants_assistant = asks_assistant(low);
  question.asks_past = !question.months.empty() || !question.years.empty() ||
                       !question.ranges.empty();
  for (const std::string_view word : {"before", "previous", "previously", "originally", "formerly",
                                      "initially", "earlier", "used to", "first", "old"}) {
    question.asks_past |= std::ranges::find(words, word) != words.end() ||
                          (word == "used to" && names(low, word));
  }
  const auto says = [&](std::initializer_list<std::string_view> phrases) {
    return std::ranges::any_of(phrases, [&](std::string_view each) { return names(low, each); });
  };
  question.wants_former = says({"initially", "originally", "formerly", "previously", "used to",
                                "before"});
  question.wants_latest = says({"recent", "latest", "newest", "current", "now"});
  question.wants_span = says({"days ago", "weeks ago", "months ago", "passed", "between", "since i",
                              "how many days", "how many weeks", "how many months", "first",
                              "when did", "order of"});
  return question;
}

double date_match(const Question& question, Time said_at) {
  const auto contains = [](const std::vector<int>& list, int value) {
    return std::ranges::find(list, value) != list.end();
  };
  double match = 0;
  const auto today = std::chrono::floor<days>(said_at);
  for (const DayRange& range : question.ranges) {
    if (today >= range.from && today <= range.to) match = 1;
  }
  if (question.months.empty() && question.years.empty()) return match;
  const std::chrono::year_month_day date(today);
  const int month = static_cast<int>(static_cast<unsigned>(date.month()));
  const int day = static_cast<int>(static_cast<unsigned>(date.day()));
  const bool is_month = contains(question.months, month);
  if (is_month) {
    match += 1.0;
  } else if (!question.months.empty() && day < 12 &&
             contains(question.months, (month + 10) % 12 + 1)) {
    match += 0.4;  // told early in the following month
  }
  if (!question.years.empty()) {
    match += contains(question.years, static_cast<int>(date.year())) ? 0.3 : -0.5;
  }
  const bool is_day = std::ranges::any_of(
      question.days, [day](int asked) { return asked - day <= 1 && day - asked <= 1; });
  return is_month && is_day ? match + 0.7 : match;
}

}  // namespace corvid::memory
