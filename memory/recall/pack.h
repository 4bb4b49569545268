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
  std::string remark{};  // stands after the speaker: "superseded by t9"
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

// "[t7 2026-11-21 Ann] text" or "[t7 ... Ann, REMARK] text" on one line; long texts are cut.
std::string context_line(const PackItem& item, size_t bytes_max);

int64_t tokens_of(std::string_view text, const CountTokens& count_tokens);

}  // namespace corvid::memory
