#include "memory/ingest/times.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <span>
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

struct Token {
  std::string low{};
  bool is_capital = false;
  size_t from = 0, to = 0;
  bool begins_sentence = false;
};
using Tokens = std::vector<Token>;

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

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// How many bytes from `at` are a date in digits ("3/15/2026", "15.3.2026", "3/15"); 0: none.
size_t digits_date(std::string_view text, size_t at) {
  size_t end = at;
  size_t parts = 0;
  for (; end < text.size() && is_digit(text[end]); ++parts) {
    while (end < text.size() && is_digit(text[end])) ++end;
    const char mark = end < text.size() ? text[end] : ' ';
    const bool goes_on = (mark == '/' || mark == '.') && end + 1 < text.size() &&
                         is_digit(text[end + 1]);
    if (!goes_on) return parts == 2 || (parts == 1 && text.substr(at, end - at).find('/') !=
                                                          std::string_view::npos)
                             ? end - at
                             : 0;
    ++end;
  }
  return 0;
}

Tokens cut(std::string_view text) {
  Tokens tokens;
  bool begins = true;
  for (size_t i = 0; i < text.size();) {
    if (!is_letter_or_digit(text[i])) {
      begins |= std::string_view(".!?;\n").find(text[i]) != std::string_view::npos;
      ++i;
      continue;
    }
    Token token{.is_capital = text[i] >= 'A' && text[i] <= 'Z', .from = i};
    token.begins_sentence = begins;
    begins = false;
    const size_t whole = digits_date(text, i);
    for (; i < text.size(); ++i) {
      const char c = text[i];
      const bool is_dash = c == '-' && i + 1 < text.size() && is_digit(text[i + 1]);  // of a date
      if (!is_letter_or_digit(c) && !is_dash && i >= token.from + whole) break;
      token.low += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    token.to = i;
    tokens.push_back(std::move(token));
  }
  return tokens;
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

constexpr std::array<std::string_view, 5> kOrdinals = {"first", "second", "third", "fourth",
                                                       "fifth"};
// Before a time they say that it lies ahead, or behind.
constexpr std::string_view kAhead[] = {
    "will", "ll", "going", "due", "plan", "plans", "planning", "by", "until", "till", "deadline",
    "scheduled", "must", "need", "needs", "shall", "remind", "upcoming", "appointment", "starts",
    "begins", "expires", "todo", "intend", "postponed", "rescheduled"};
constexpr std::string_view kBehind[] = {"was", "were", "did", "went", "had", "since", "ago",
                                        "last"};
// Before a date of which little is written out.
constexpr std::string_view kBeforeDates[] = {"on", "by", "due", "until", "till", "before", "from",
                                             "after", "since", "to"};

bool one_of(std::string_view word, std::span<const std::string_view> list) {
  return std::ranges::find(list, word) != list.end();
}

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

// "3rd", but not "3".
bool is_ordinal(std::string_view word) {
  const auto ends = [&](std::string_view ending) { return word.ends_with(ending); };
  return word.size() > 2 && is_digit(word[0]) &&
         (ends("st") || ends("nd") || ends("rd") || ends("th"));
}

// "3rd" or "3"; 0: no day of a month.
int month_day(std::string_view word) {
  if (is_ordinal(word)) word.remove_suffix(2);
  const bool is_digits = !word.empty() && word.size() <= 2 && word[0] >= '0' && word[0] <= '9';
  const std::optional<int> value = is_digits ? number(word) : std::nullopt;
  return value && *value >= 1 && *value <= 31 ? *value : 0;
}

enum class Unit { none, hour, day, week, month, year };

Unit unit_of(std::string_view word) {
  if (word.ends_with('s')) word.remove_suffix(1);
  constexpr std::array<std::string_view, 5> kUnits = {"hour", "day", "week", "month", "year"};
  const auto place = std::ranges::find(kUnits, word);
  return place == kUnits.end() ? Unit::none : static_cast<Unit>(place - kUnits.begin() + 1);
}

class Reader {
 public:
  Reader(const Tokens& words, Time said_at)
      : words_(words), said_at_(said_at), today_(std::chrono::floor<days>(said_at)),
        date_(today_) {}

  std::optional<Found> at(size_t i) const {
    auto found = counted(i);
    return found ? found : named(i);
  }

  // Is what begins there counted from ("three days before Friday") in a way that was not read?
  bool is_counted_from(size_t i) const {
    return i >= 2 && (low(i - 1) == "before" || low(i - 1) == "after" || low(i - 1) == "from") &&
           unit_of(low(i - 2)) != Unit::none;
  }

 private:
  std::optional<Found> named(size_t i) const {
    for (const auto& read : {&Reader::plain_day, &Reader::part_of, &Reader::weekday_of,
                             &Reader::relative, &Reader::weekday, &Reader::day_alone,
                             &Reader::calendar}) {
      if (auto found = (this->*read)(i)) return found;
    }
    return std::nullopt;
  }
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
  Days week_at(int offset) const {
    return {monday() + days(7 * offset), monday() + days(7 * offset + 6)};
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
  // The same day of a later or earlier month, or its last one.
  static sys_days shifted(sys_days from, int by_months) {
    const year_month_day moved = year_month_day(from) + months(by_months);
    if (moved.ok()) return sys_days(moved);
    return sys_days(moved.year() / moved.month() / std::chrono::last);
  }
  static sys_days shifted(sys_days from, int n, Unit unit) {
    if (unit == Unit::month) return shifted(from, n);
    if (unit == Unit::year) return shifted(from, 12 * n);
    return from + days(unit == Unit::week ? 7 * n : n);
  }

  // By what stands before it in its sentence.
  bool lies_ahead(size_t i) const {
    bool ahead = false;
    for (size_t k = i; k-- > 0 && !words_[k + 1].begins_sentence;) {
      if (one_of(low(k), kAhead)) ahead = true;
      else if (one_of(low(k), kBehind)) return false;
    }
    return ahead;
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

  struct Count {
    int number = 0;
    Unit unit = Unit::none;
    size_t words = 0;
  };
  // "three days", "a couple of weeks", "half a year"
  std::optional<Count> count_at(size_t i) const {
    size_t at = i;
    if (low(at) == "half" && low(at + 1) == "a" && low(at + 2) == "year") {
      return Count{6, Unit::month, 3};
    }
    if (low(at) == "a" && (low(at + 1) == "couple" || low(at + 1) == "few")) ++at;
    const std::optional<int> number = memory::number(low(at));
    if (!number || *number == 0) return std::nullopt;
    at += low(at + 1) == "of" ? 2 : 1;
    Count count{*number, unit_of(low(at)), at + 1 - i};
    if (count.unit == Unit::none) return std::nullopt;
    const bool is_more = low(at + 1) == "and" && low(at + 2) == "a" && low(at + 3) == "half";
    if (is_more && count.unit == Unit::year) {
      return Count{12 * count.number + 6, Unit::month, count.words + 3};
    }
    return count;
  }

  // "in three days", "within a month", "two weeks ago", "a week from Friday"
  std::optional<Found> counted(size_t i) const {
    const bool is_within = low(i) == "within";
    const bool is_in = low(i) == "in" || is_within;
    const std::optional<Count> count = count_at(i + (is_in ? 1 : 0));
    if (!count) return std::nullopt;
    const size_t end = i + (is_in ? 1 : 0) + count->words;
    const std::string_view next = low(end);
    if (is_within) return Found{{today_, moved_by(*count, 1)}, end - i};
    if (is_in) return loosely(*count, 1, end - i);
    if (next == "ago") return loosely(*count, -1, end + 1 - i);
    if (next == "from" && (low(end + 1) == "now" || low(end + 1) == "today")) {
      return loosely(*count, 1, end + 2 - i);
    }
    if (next != "from" && next != "after" && next != "before") return std::nullopt;
    const size_t base = end + (low(end + 1) == "the" ? 2 : 1);
    const std::optional<Found> from = named(base);
    if (!from || count->unit == Unit::hour) return std::nullopt;
    const int n = next == "before" ? -count->number : count->number;
    return Found{{shifted(from->days.first, n, count->unit),
                  shifted(from->days.last, n, count->unit)}, base + from->words - i};
  }
  sys_days moved_by(const Count& count, int sign) const {
    if (count.unit == Unit::hour) {
      return std::chrono::floor<days>(said_at_ + sign * std::chrono::hours(count.number));
    }
    return shifted(today_, sign * count.number, count.unit);
  }
  // Who counts in weeks or months does not mean the day.
  Found loosely(const Count& count, int sign, size_t taken) const {
    const int n = sign * count.number;
    if (count.unit == Unit::month) return {month_at(n), taken};
    if (count.unit == Unit::year) return {year_at(n), taken};
    const sys_days exact = moved_by(count, sign);
    const days around(count.unit == Unit::week ? 2 : 0);
    return {{exact - around, exact + around}, taken};
  }

  // "next week", "last month", "this weekend", "the week after next"
  std::optional<Found> relative(size_t i) const {
    if (low(i + 1) == "after" && low(i + 2) == "next") return period(low(i), 2, 3);
    const int n = low(i) == "next" ? 1 : low(i) == "last" ? -1 : low(i) == "this" ? 0 : 2;
    if (n == 2) return std::nullopt;
    const std::string_view unit = low(i + 1);
    if (n == 0 && (unit == "morning" || unit == "afternoon" || unit == "evening")) return day(0, 2);
    return period(unit, n, 2);
  }
  std::optional<Found> period(std::string_view unit, int n, size_t taken) const {
    if (unit == "week") return Found{week_at(n), taken};
    if (unit == "weekend") return Found{{week_at(n).last - days(1), week_at(n).last}, taken};
    if (unit == "month") return Found{month_at(n), taken};
    if (unit == "year") return Found{year_at(n), taken};
    return std::nullopt;
  }

  // "the month", "next week", "May 2027" behind "end of" and the like
  std::optional<Found> whole(size_t i) const {
    if (low(i) == "the" || low(i) == "this") {
      auto found = period(low(i + 1), 0, 2);
      if (!found && low(i + 1) == "day") found = day(0, 2);
      return found;
    }
    if (low(i) == "day") return day(0, 1);
    if (auto found = period(low(i), 0, 1)) return found;
    if (auto found = relative(i)) return found;
    auto found = calendar(i);
    return found && found->days.first != found->days.last ? found : std::nullopt;
  }

  // "end of the month", "beginning of May", "last week of April"
  std::optional<Found> part_of(size_t i) const {
    const std::string_view part = low(i);
    const bool is_end = part == "end";
    const bool is_start = part == "beginning" || part == "start";
    const bool is_week = low(i + 1) == "week" && (part == "first" || part == "last");
    const size_t of = i + (is_week ? 2 : 1);
    if ((!is_end && !is_start && !is_week) || low(of) != "of") return std::nullopt;
    const std::optional<Found> found = whole(of + 1);
    if (!found) return std::nullopt;
    Days span = found->days;
    const auto length = (span.last - span.first).count() + 1;
    const days most(is_week ? 6 : length > 31 ? 6 : 2);
    if (length > most.count() && (is_end || part == "last")) span.first = span.last - most;
    if (length > most.count() && (is_start || part == "first")) span.last = span.first + most;
    return Found{span, of + 1 + found->words - i};
  }

  int weekday_at(size_t i) const {
    if (i >= words_.size()) return -1;
    const std::string_view word = low(i);
    const bool is_short = word.size() < 6;
    const bool is_named = i > 0 && (one_of(low(i - 1), kBeforeDates) || low(i - 1) == "next" ||
                                    low(i - 1) == "last" || low(i - 1) == "this");
    if (is_short && (!words_[i].is_capital || !is_named)) return -1;
    if (is_short && word == "thurs") return 4;
    return index_of(kWeekdays, word);
  }

  // "first Monday of April", "the last Friday of next month"
  std::optional<Found> weekday_of(size_t i) const {
    const auto place = std::ranges::find(kOrdinals, low(i));
    int wanted = place == kOrdinals.end() ? 0 : static_cast<int>(place - kOrdinals.begin()) + 1;
    if (is_ordinal(low(i))) wanted = month_day(low(i));
    if (low(i) == "last") wanted = -1;
    const int weekday = wanted == 0 || low(i + 1).size() < 6 ? -1 : weekday_at(i + 1);
    if (weekday < 0 || (low(i + 2) != "of" && low(i + 2) != "in")) return std::nullopt;
    const std::optional<Found> month = whole(i + 3);
    if (!month || (month->days.last - month->days.first).count() > 31) return std::nullopt;
    const std::chrono::weekday day(static_cast<unsigned>(weekday));
    const sys_days first = month->days.first + (day - std::chrono::weekday(month->days.first));
    const sys_days last = month->days.last - (std::chrono::weekday(month->days.last) - day);
    const sys_days found = wanted < 0 ? last : first + days(7 * (wanted - 1));
    if (found > month->days.last) return std::nullopt;
    return Found{{found, found}, 3 + month->words};
  }

  std::optional<Found> weekday(size_t i) const {
    const bool is_last = low(i) == "last";
    const bool has_word = is_last || low(i) == "next" || low(i) == "this" || low(i) == "coming";
    const size_t at = i + (has_word ? 1 : 0);
    const int wanted = weekday_at(at);
    if (wanted < 0) return std::nullopt;
    const size_t next = at + (low(at + 1) == "of" ? 2 : 1);
    if (!has_word && low(next + 1) == "week" && (low(next) == "next" || low(next) == "this")) {
      const sys_days found = week_at(low(next) == "next" ? 1 : 0).first + days((wanted + 6) % 7);
      return Found{{found, found}, next + 2 - i};
    }
    const auto now = static_cast<int>(std::chrono::weekday(today_).c_encoding());
    const int ahead = (wanted - now + 7) % 7;
    if (is_last) return day(ahead == 0 ? -7 : ahead - 7, 2);
    return day(ahead == 0 && low(i) == "next" ? 7 : ahead, has_word ? 2 : 1);
  }

  // "by the 15th", "the 15th of next month"
  std::optional<Found> day_alone(size_t i) const {
    if (low(i) != "the" || !is_ordinal(low(i + 1)) || month_day(low(i + 1)) == 0) {
      return std::nullopt;
    }
    const std::chrono::day wanted(static_cast<unsigned>(month_day(low(i + 1))));
    const auto in_month = [&](int offset) -> std::optional<sys_days> {
      const year_month_day first(month_at(offset).first);
      const year_month_day found(first.year(), first.month(), wanted);
      return found.ok() ? std::optional(sys_days(found)) : std::nullopt;
    };
    if (low(i + 2) == "of") {
      const auto month = low(i + 4) == "month" ? relative(i + 3) : std::nullopt;
      const auto found = month ? in_month(low(i + 3) == "next" ? 1 : low(i + 3) == "last" ? -1 : 0)
                               : std::nullopt;
      return found ? std::optional(Found{{*found, *found}, 5}) : std::nullopt;
    }
    if (i == 0 || !one_of(low(i - 1), kBeforeDates)) return std::nullopt;
    std::optional<sys_days> best;
    for (int offset = lies_ahead(i) ? 0 : -1; offset <= 1; ++offset) {
      const auto found = in_month(offset);
      if (!found || (lies_ahead(i) && *found < today_)) continue;
      if (!best || distance({*found, *found}) < distance({*best, *best})) best = found;
    }
    return best ? std::optional(Found{{*best, *best}, 2}) : std::nullopt;
  }

  // "May 5", "5 May 2026", "in June", "2026-03-04", "3/15/2026"
  std::optional<Found> calendar(size_t i) const {
    if (const auto iso = iso_date(low(i))) return Found{{*iso, *iso}, 1};
    if (const auto found = digits(i)) return found;
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
    return near_date(i, {month + 1, number_day, year}, taken);
  }

  struct Named {
    int month = 0, day = 0, year = 0;  // 0: not named
  };

  // The day comes first where it can be no month, or behind dots.
  std::optional<Found> digits(size_t i) const {
    std::string_view rest = low(i);
    if (rest.find_first_of("/.") == std::string_view::npos) return std::nullopt;
    const bool has_dots = rest.find('.') != std::string_view::npos;
    int parts[3] = {0, 0, 0};
    for (int& part : parts) {
      const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), part);
      if (error != std::errc()) break;
      rest.remove_prefix(static_cast<size_t>(end - rest.data()));
      if (!rest.empty()) rest.remove_prefix(1);
    }
    if (!rest.empty()) return std::nullopt;
    const bool day_first = has_dots || parts[0] > 12;
    Named named{parts[day_first ? 1 : 0], parts[day_first ? 0 : 1], parts[2]};
    if (named.year == 0 && (i == 0 || !one_of(low(i - 1), kBeforeDates))) return std::nullopt;
    if (named.year > 0 && named.year < 100) named.year += 2000;
    if (named.month < 1 || named.month > 12 || named.day < 1 || named.day > 31) return std::nullopt;
    return near_date(i, named, 1);
  }

  // Without a year the nearest, or the next where it lies ahead.
  std::optional<Found> near_date(size_t i, const Named& named, size_t taken) const {
    const bool ahead = named.year == 0 && lies_ahead(i);
    std::optional<Found> best;
    for (int y = static_cast<int>(date_.year()) - 1; y <= static_cast<int>(date_.year()) + 1; ++y) {
      const year_month_day first(std::chrono::year(named.year > 0 ? named.year : y),
                                 std::chrono::month(static_cast<unsigned>(named.month)),
                                 std::chrono::day(static_cast<unsigned>(std::max(named.day, 1))));
      if (!first.ok()) continue;
      const Days found = {sys_days(first), named.day > 0 ? sys_days(first)
                                                         : sys_days(first + months(1)) - days(1)};
      if (ahead && found.last < today_) continue;
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
    const bool fits = word.size() == 10 || (word.size() > 10 && word[10] == 't');
    if (!fits || word[4] != '-' || word[7] != '-') return std::nullopt;
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

  const Tokens& words_;
  Time said_at_;  // where it was said
  sys_days today_;
  year_month_day date_;
};

}  // namespace

int utc_offset(std::string_view when) {
  const size_t sign = when.size() > 6 ? when.size() - 6 : 0;
  const bool has_one = sign > 10 && (when[sign] == '+' || when[sign] == '-') &&
                       when[sign + 3] == ':';
  int hours = 0;
  int minutes = 0;
  if (!has_one) return 0;
  std::from_chars(when.data() + sign + 1, when.data() + sign + 3, hours);
  std::from_chars(when.data() + sign + 4, when.data() + sign + 6, minutes);
  return (when[sign] == '-' ? -1 : 1) * (60 * hours + minutes);
}

std::vector<TimeRef> time_refs(std::string_view text, Time said_at, int offset) {
  const Tokens words = cut(text.substr(0, kTextBytesRead));
  const Reader reader(words, said_at + std::chrono::minutes(offset));
  std::vector<TimeRef> refs;
  for (size_t i = 0; i < words.size() && refs.size() < kRefsMax;) {
    const std::optional<Found> found = reader.at(i);
    if (!found || reader.is_counted_from(i)) {
      i += found ? found->words : 1;
      continue;
    }
    refs.push_back({words[i].from, words[i + found->words - 1].to, Time(found->days.first),
                    Time(found->days.last)});
    i += found->words;
  }
  return refs;
}

}  // namespace corvid::memory
