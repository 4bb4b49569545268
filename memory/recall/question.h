#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "memory/recall/corpus.h"
#include "memory/types.h"

namespace corvid::memory {

// A span of days that the question names; both ends count.
struct DayRange {
  Time from{};
  Time to{};
};

// What can be read from a question without a model.
struct Question {
  std::vector<std::string> terms;   // words without stop words and speakers' names, no duplicates
  std::vector<int32_t> asked;       // speakers (indexes into Corpus::speakers) that it names
  std::vector<std::string> asked_names;  // their distinct names
  std::vector<int> months;          // 1..12
  std::vector<int> years;
  std::vector<int> days;            // 1..31; only beside a month
  std::vector<DayRange> ranges;     // "yesterday", "last week", resolved
  bool wants_time = false;          // "when ...", "how long ..."
  bool wants_name = false;          // "who", "where", "which", "what books"
  bool wants_assistant = false;     // "what did you recommend", "remind me"
  bool asks_past = false;           // "before", "used to", a year or month
  bool wants_former = false;      // "originally", "used to": not what holds now
  bool wants_latest = false;      // "currently", "most recently"
  bool wants_span = false;        // "how many days ago", "which ... first": compares times
  // For embedding: the text without the names of speakers, and as a speaker would ask it of
  // themselves ("Ann's" is "my", "Ann" is "I").
  std::string without_names;
  std::string in_first_person;
};

// `at` is the moment of asking.
Question analyse_question(std::string_view text, const Corpus& corpus, Time at);

// How well a turn's day fits the dates of the question, at most kDateMatchMax; 0 when it names
// none.
inline constexpr double kDateMatchMax = 3.0;
double date_match(const Question& question, Time said_at);

}  // namespace corvid::memory
