#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "memory/types.h"

namespace corvid::memory {

struct WithoutRecalled {
  std::string text;
  std::vector<TurnId> injected_ids;  // of the lines that were left out, without duplicates
};

// Takes recalled blocks (kRecallBegin ... kRecallEnd; an open one reaches to the end) and single
// recalled lines ("[t7 2026-11-21 Ann] ...") out of a text: memory is no evidence for itself.
WithoutRecalled remove_recalled(std::string_view text);

}  // namespace corvid::memory
