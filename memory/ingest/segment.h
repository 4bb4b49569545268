#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "memory/types.h"

namespace corvid::memory {

// What segmentation looks at in a turn.
struct SegmentTurn {
  TurnId id = 0;
  Time said_at{};
  bool is_user = false;
  int64_t tokens = 0;
  std::map<uint64_t, float> terms{};  // stemmed content words, by hash
};
SegmentTurn segment_turn(const Turn& turn);

// Where an open segment ends: the first `keep` of its turns stay, the others open the next one.
struct Cut {
  size_t keep = 0;
  std::string_view reason = "";  // a literal
};

// Limits of a chat segment; a longer one is cut where the words change most, or at the hard limit.
inline constexpr size_t kSegmentTurns = 20;
inline constexpr int64_t kSegmentTokens = 2000;
inline constexpr size_t kSegmentTurnsMax = 40;
inline constexpr int64_t kSegmentTokensMax = 4000;
inline constexpr size_t kRequestTurnsMax = 400;  // of an agent's segment
inline constexpr std::chrono::hours kSegmentGapMax(4);  // a turn after more opens the next one

// Deterministic, without a model and without looking ahead. cut_before: does `next` open a new
// segment? cut_after: has the segment, with its newest turn, become too long? nullopt: go on.
std::optional<Cut> cut_before(std::span<const SegmentTurn> open, const SegmentTurn& next,
                              SessionKind kind);
std::optional<Cut> cut_after(std::span<const SegmentTurn> open, SessionKind kind);

// All segments of a session at once, as the streaming rules give them.
std::vector<Cut> segment(std::span<const SegmentTurn> turns, SessionKind kind);

inline constexpr const char* kCellDeriver = "level0/1";

// Fills title, episode, tokens and deriver of a cell from its turns.
void derive_cell(MemCell& cell, std::span<const Turn> turns);

}  // namespace corvid::memory
