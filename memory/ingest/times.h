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

// English expressions, resolved against the moment at which the text was said: "yesterday", "next
// week", "by Friday", "in three days", "two weeks ago", "end of the month", "May 5", "2026-03-04".
// A weekday is the next one, unless "last" stands before it; a date without a year is the nearest.
std::vector<TimeRef> time_refs(std::string_view text, Time said_at);

}  // namespace corvid::memory
