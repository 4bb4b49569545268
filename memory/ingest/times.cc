#include "memory/ingest/times.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>

namespace corvid::memory {
namespace {

using std::chrono::days;
using std::chrono::months;
using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr size_t kTextBytesRead = 4096;
constexpr size_t kRefsMax = 32;
constexpr int kCountMax = 1000;

struct Word {
  std::string low{};
  bool is_capital = false;
  size_t from = 0, to = 0;
};

struct Days {
  sys_days first, last;
};

struct Found {
  Days days;
  size_t words = 0;  // taken
};

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::vector<Word> cut(std::string_view text) {
  std::vector<Word> words;
  for (size_t i = 0; i < text.size();) {
    if (!is_letter_or_digit(text[i])) {
      ++i;
      continue;
    }
    Word word{.is_capital = text[i] >= 'A' && text[i] <= 'Z', .from = i};
    for (; i < text.size(); ++i) {
      const char c = text[i];
      const bool is_dash = c == '-' && i + 1 < text.size() && text[i + 1] >= '0' &&
                           text[i + 1] <= '9';  // of a date
      if (!is_letter_or_digit(c) && !is_dash) break;
      word.low += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    word.to = i;
    words.push_back(std::move(word));
  }
  return words;
}

template <size_t N>
int index_of(const std::array<std::string_view, N>& names, std::string_view word) {
  const auto place = std::ranges::find_if(names, [&](std::string_view name) {
    return word == name || (word.size() >= 3 && word.size() <= 4 && name.size() > 4 &&
                            name.starts_with(word));
  });
  return place == names.end() ? -1 : static_cast<int>(place - names.begin());
}

constexpr std::array<std::string_view, 7> kWeekdays = {
    "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"};
constexpr std::array<std::string_view, 12> kMonths = {
    "january", "february", "march",     "april",   "may",      "june",
    "july",    "august",   "september", "october", "november", "december"};
constexpr std::array<std::string_view, 13> kNumbers = {
    "zero", "one", "two", "three", "four", "five", "six",
    "seven", "eight", "nine", "ten", "eleven", "twelve"};

std::optional<int> number(std::string_view word) {
  const auto place = std::ranges::find(kNumbers, word);
  if (place != kNumbers.end()) return static_cast<int>(place - kNumbers.begin());
  if (word == "a" || word == "an") return 1;
  if (word == "couple") return 2;
  if (word == "few") return 3;
  int value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value <= kCountMax ? std::optional(value) : std::nullopt;
}

// "3rd" or "3"; 0: no day of a month.
int month_day(std::string_view word) {
  for (const std::string_view ending : {"st", "nd", "rd", "th"}) {
    if (word.size() > 2 && word.ends_with(ending)) word.remove_suffix(2);
  }
  const bool is_digits = !word.empty() && word.size() <= 2 && word[0] >= '0' && word[0] <= '9';
  const std::optional<int> value = is_digits ? number(word) : std::nullopt;
  return value && *value >= 1 && *value <= 31 ? *value : 0;
}

class Reader {
 public:
  Reader(const std::vector<Word>& words, Time said_at)
      : words_(words), today_(std::chrono::floor<days>(said_at)), date_(today_) {}

  std::optional<Found> at(size_t i) const {
    for (const auto& read : {&Reader::plain_day, &Reader::counted, &Reader::relative,
                             &Reader::end_of, &Reader::weekday, &Reader::calendar}) {
      if (auto found = (this->*read)(i)) return found;
    }
    return std::nullopt;
  }

 private:
  std::string_view low(size_t i) const {
    return i < words_.size() ? std::string_view(words_[i].low) : std::string_view();
  }
  Found day(int offset, size_t count) const {
    return {{today_ + days(offset), today_ + days(offset)}, count};
  }
  sys_days monday() const {
    const unsigned weekday = std::chrono::weekday(today_).iso_encoding();  // Monday is 1
    return today_ - days(weekday - 1);
  }
  Days month_at(int offset) const {
    const year_month_day first = year_month_day(date_.year(), date_.month(),
                                                std::chrono::day(1)) + months(offset);
    return {sys_days(first), sys_days(first + months(1)) - days(1)};
  }
  Days year_at(int offset) const {
    const std::chrono::year year = date_.year() + std::chrono::years(offset);
    return {sys_days(year / std::chrono::January / 1), sys_days(year / std::chrono::December / 31)};
  }

  std::optional<Found> plain_day(size_t i) const {
    if (low(i) == "today" || low(i) == "tonight") return day(0, 1);
    if (low(i) == "tomorrow") return day(1, 1);
    if (low(i) == "yesterday") return day(-1, 1);
    if (low(i) == "last" && low(i + 1) == "night") return day(-1, 2);
    if (low(i) != "day") return std::nullopt;
    if (low(i + 1) == "after" && low(i + 2) == "tomorrow") return day(2, 3);
    if (low(i + 1) == "before" && low(i + 2) == "yesterday") return day(-2, 3);
    return std::nullopt;
  }

  // "in three days", "two weeks ago", "a couple of months ago"
  std::optional<Found> counted(size_t i) const {
    const bool is_ahead = low(i) == "in" || low(i) == "within";
    size_t at = i + (is_ahead ? 1 : 0);
    if (low(at) == "a" && (low(at + 1) == "couple" || low(at + 1) == "few")) ++at;
    const std::optional<int> count = number(low(at));
    if (!count || *count == 0) return std::nullopt;
    at += low(at + 1) == "of" ? 2 : 1;
    const std::string_view unit = low(at);
    const bool is_past = low(at + 1) == "ago";
    if (is_ahead == is_past) return std::nullopt;
    const int n = is_past ? -*count : *count;
    const size_t taken = at + (is_past ? 2 : 1) - i;
    if (unit == "day" || unit == "days") return day(n, taken);
    if (unit == "week" || unit == "weeks") {
      return Found{{today_ + days(7 * n - 2), today_ + days(7 * n + 2)}, taken};
    }
    if (unit == "month" || unit == "months") return Found{month_at(n), taken};
    if (unit == "year" || unit == "years") return Found{year_at(n), taken};
    return std::nullopt;
  }

  // "next week", "last month", "this weekend"
  std::optional<Found> relative(size_t i) const {
    const int n = low(i) == "next" ? 1 : low(i) == "last" ? -1 : low(i) == "this" ? 0 : 2;
    if (n == 2) return std::nullopt;
    const std::string_view unit = low(i + 1);
    if (unit == "week") return Found{{monday() + days(7 * n), monday() + days(7 * n + 6)}, 2};
    if (unit == "weekend") {
      return Found{{monday() + days(7 * n + 5), monday() + days(7 * n + 6)}, 2};
    }
    if (unit == "month") return Found{month_at(n), 2};
    if (unit == "year") return Found{year_at(n), 2};
    if (n == 0 && (unit == "morning" || unit == "afternoon" || unit == "evening")) return day(0, 2);
    return std::nullopt;
  }

  // "end of the week", "end of the month", "end of May"
  std::optional<Found> end_of(size_t i) const {
    if (low(i) != "end" || low(i + 1) != "of") return std::nullopt;
    const size_t at = i + (low(i + 2) == "the" || low(i + 2) == "this" ? 3 : 2);
    const size_t taken = at + 1 - i;
    if (low(at) == "day") return day(0, taken);
    if (low(at) == "week") return Found{{monday() + days(4), monday() + days(6)}, taken};
    if (low(at) == "month") return Found{{month_at(0).last - days(2), month_at(0).last}, taken};
    if (low(at) == "year") return Found{{year_at(0).last - days(6), year_at(0).last}, taken};
    return std::nullopt;
  }

  std::optional<Found> weekday(size_t i) const {
    const bool is_last = low(i) == "last";
    const bool has_word = is_last || low(i) == "next" || low(i) == "this";
    const size_t at = i + (has_word ? 1 : 0);
    const int wanted = low(at).size() >= 6 ? index_of(kWeekdays, low(at)) : -1;
    if (wanted < 0) return std::nullopt;
    const auto now = static_cast<int>(std::chrono::weekday(today_).c_encoding());
    const int ahead = (wanted - now + 7) % 7;
    if (is_last) return day(ahead == 0 ? -7 : ahead - 7, 2);
    return day(ahead == 0 && low(i) == "next" ? 7 : ahead, has_word ? 2 : 1);
  }

  // "May 5", "5 May 2026", "in June", "2026-03-04"
  std::optional<Found> calendar(size_t i) const {
    if (const auto iso = iso_date(low(i))) return Found{{*iso, *iso}, 1};
    int number_before = month_day(low(i));
    size_t at = i + (number_before > 0 ? 1 : 0);
    if (number_before > 0 && low(at) == "of") ++at;
    const int month = at < words_.size() && words_[at].is_capital && low(at).size() >= 3
                          ? index_of(kMonths, low(at))
                          : -1;
    if (month < 0) return std::nullopt;
    size_t taken = at + 1 - i;
    int number_day = number_before > 0 ? number_before : month_day(low(at + 1));
    if (number_before == 0 && number_day > 0) ++taken;
    int year = 0;
    const std::string_view next = low(i + taken);
    if (next.size() == 4 && (next.starts_with("19") || next.starts_with("20"))) {
      std::from_chars(next.data(), next.data() + 4, year);
      ++taken;
    }
    return near_date(month + 1, number_day, year, taken);
  }

  std::optional<Found> near_date(int month, int number_day, int year, size_t taken) const {
    std::optional<Found> best;
    for (int y = static_cast<int>(date_.year()) - 1; y <= static_cast<int>(date_.year()) + 1; ++y) {
      const year_month_day first(std::chrono::year(year > 0 ? year : y),
                                 std::chrono::month(static_cast<unsigned>(month)),
                                 std::chrono::day(static_cast<unsigned>(std::max(number_day, 1))));
      if (!first.ok()) continue;
      const Days found = {sys_days(first), number_day > 0 ? sys_days(first)
                                                          : sys_days(first + months(1)) - days(1)};
      if (!best || distance(found) < distance(best->days)) best = Found{found, taken};
    }
    return best;
  }
  int distance(const Days& found) const {
    if (today_ >= found.first && today_ <= found.last) return 0;
    return static_cast<int>(std::min(std::abs((found.first - today_).count()),
                                     std::abs((found.last - today_).count())));
  }

  static std::optional<sys_days> iso_date(std::string_view word) {
    if (word.size() != 10 || word[4] != '-' || word[7] != '-') return std::nullopt;
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    std::from_chars(word.data(), word.data() + 4, year);
    std::from_chars(word.data() + 5, word.data() + 7, month);
    std::from_chars(word.data() + 8, word.data() + 10, day);
    const year_month_day date{std::chrono::year(year), std::chrono::month(month),
                              std::chrono::day(day)};
    return date.ok() ? std::optional(sys_days(date)) : std::nullopt;
  }

  const std::vector<Word>& words_;
  sys_days today_;
  year_month_day date_;
};

}  // namespace

std::vector<TimeRef> time_refs(std::string_view text, Time said_at) {
  const std::vector<Word> words = cut(text.substr(0, kTextBytesRead));
  const Reader reader(words, said_at);
  std::vector<TimeRef> refs;
  for (size_t i = 0; i < words.size() && refs.size() < kRefsMax;) {
    const std::optional<Found> found = reader.at(i);
    if (!found) {
      ++i;
      continue;
    }
    refs.push_back({words[i].from, words[i + found->words - 1].to, Time(found->days.first),
                    Time(found->days.last)});
    i += found->words;
  }
  return refs;
}

}  // namespace corvid::memory
