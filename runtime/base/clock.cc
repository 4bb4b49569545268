#include "runtime/base/clock.h"

#include <cstdio>

#include "runtime/base/error.h"

namespace corvid {

using std::chrono::milliseconds;

Time system_now() {
  return std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
}

std::string format_time(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const int64_t ms = (time - day).count();
  char text[48];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", int(date.year()),
                unsigned(date.month()), unsigned(date.day()), int(ms / 3600000),
                int(ms / 60000 % 60), int(ms / 1000 % 60), int(ms % 1000));
  return text;
}

Time parse_time(std::string_view text) {
  const std::string copy(text);
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, used = 0;
  double seconds = 0;
  const auto bad = [&]() -> void { fail(Code::invalid, "not a time (RFC 3339): '" + copy + "'"); };
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2d%n", &year, &month, &day, &used) != 3) bad();
  const char* rest = copy.c_str() + used;
  int64_t offset_minutes = 0;
  if (*rest == 'T' || *rest == ' ') {
    if (std::sscanf(rest + 1, "%2d:%2d%n", &hour, &minute, &used) != 2) bad();
    rest += 1 + used;
    if (*rest == ':') {
      if (std::sscanf(rest + 1, "%lf%n", &seconds, &used) != 1) bad();
      rest += 1 + used;
    }
    int zone_hour = 0, zone_minute = 0;
    if (*rest == 'Z' || *rest == 'z') {
      ++rest;
    } else if (*rest == '+' || *rest == '-') {
      const int sign = *rest == '-' ? -1 : 1;
      if (std::sscanf(rest + 1, "%2d:%2d%n", &zone_hour, &zone_minute, &used) != 2) bad();
      offset_minutes = sign * (zone_hour * 60 + zone_minute);
      rest += 1 + used;
    }
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(unsigned(month)),
                                         std::chrono::day(unsigned(day))};
  if (*rest != '\0' || !date.ok() || hour > 23 || minute > 59 || hour < 0 || minute < 0 ||
      seconds < 0 || seconds >= 61) {
    bad();
  }
  return std::chrono::sys_days(date) + std::chrono::hours(hour) +
         std::chrono::minutes(minute - offset_minutes) +
         milliseconds(int64_t(seconds * 1000 + 0.5));
}

}  // namespace corvid
