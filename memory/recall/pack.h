#pragma once

#include <span>
#include <string>
#include <string_view>
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

// Bytes of a line that a budget allows.
size_t line_bytes_of(int64_t budget_tokens);

// The part of a long text in which most of the `words` stand (other forms of them count), at most
// `bytes_max` of it; its head and tail where they stand there, or nowhere.
std::string excerpt(std::string_view text, std::span<const std::string> words, size_t bytes_max);

int64_t tokens_of(std::string_view text, const CountTokens& count_tokens);

}  // namespace corvid::memory
