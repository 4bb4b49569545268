#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace corvid {

using Time = std::chrono::sys_time<std::chrono::milliseconds>;
using Clock = std::function<Time()>;  // so that tests own time

Time system_now();

// "2026-11-21T14:03:07.250Z", always UTC.
std::string format_time(Time time);

// Reads RFC 3339 ("2026-11-21", "2026-11-21T14:03", with seconds, fraction, Z or +hh:mm; a space
// may stand for T; no zone means UTC). Throws invalid.
Time parse_time(std::string_view text);

}  // namespace corvid
