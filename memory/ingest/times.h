#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "memory/types.h"

namespace corvid::memory {

// Days that a text names; both ends count.
struct TimeRef {
  size_t from = 0, to = 0;  // bytes of the text
  Time first{}, last{};
};

// English expressions, resolved against the moment at which the text was said, where it was said
// (`offset` minutes east of UTC): "yesterday", "next week", "by Friday", "in three days", "two
// weeks from now", "a week from Friday", "within a month", "end of next month", "first Monday of
// April", "by the 15th", "May 5", "3/15/2026", "2026-03-04". A weekday is the next one, unless
// "last" stands before it; a date without a year is the nearest, or the next one behind "will",
// "due", "by" and the like.
std::vector<TimeRef> time_refs(std::string_view text, Time said_at, int offset = 0);

// Of "2026-03-31T23:30-08:00" -480; 0 where the time names none.
int utc_offset(std::string_view when);

}  // namespace corvid::memory
