#pragma once

#include <string>
#include <vector>

#include "memory/ports.h"
#include "memory/types.h"

namespace corvid::memory {

// What may go into the context, best first.
struct PackItem {
  TurnId id = 0;
  Time said_at{};
  std::string speaker{};
  std::string text{};
};

struct Packed {
  std::string block;
  int64_t tokens = 0;
  std::vector<TurnId> ids;  // in the order of the block
};

// Takes items in order while they fit into `budget_tokens`, sorts them by time and writes one line
// each between kRecallBegin and kRecallEnd. `note` ("" = none) stands before them. An empty block
// when nothing fits.
Packed pack(const std::vector<PackItem>& items, int64_t budget_tokens, const std::string& note,
            const CountTokens& count_tokens);

// "[t7 2026-11-21 Ann] text", without line breaks; a long text by its head and tail.
std::string context_line(const PackItem& item, size_t bytes_max);

int64_t tokens_of(std::string_view text, const CountTokens& count_tokens);

}  // namespace corvid::memory
