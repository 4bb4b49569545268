#pragma once
// States inside of a value, shared by automaton.cc and completion.cc.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/sample/automaton.h"
#include "engine/sample/grammar.h"
#include "engine/sample/passages.h"
#include "engine/sample/patch_walk.h"

namespace corvid::engine {

// States of a string. The last seven wait for the rest of a UTF-8 character.
enum StringState : int32_t {
  kQuote, kBody, kBackslash, kHex1, kHex2, kHex3, kHex4, kHex4NotZero,
  kMore1, kMore2, kMore3, kAfterE0, kAfterEd, kAfterF0, kAfterF4
};

// Raw text: kBody, those that wait, and how much of kParameterEnd was read, with its first byte
// or (which is not allowed to become whole) without.
enum RawState : int32_t { kRawStart, kLine = 32, kBare = 64 };

enum IntegerState : int32_t { kStart, kMinus, kDigits, kMinusDigits };
enum NumberState : int32_t { kNumber, kNumberMinus, kZero, kWhole, kPoint, kFraction };
enum ObjectState : int32_t { kBrace, kKeys };  // kKeys + node of the key trie
enum MapState : int32_t { kMapBrace, kMapFirst, kMapColon, kMapSpace, kMapAfter, kMapComma };
enum ArrayState : int32_t { kBracket, kFirst, kAfterItem, kAfterComma };

// Copied text: kCopyStart, else one more than sixteen times the bytes written plus how much of
// kParameterEnd was read; `value` is the part of the list of passages.
enum CopyState : int32_t { kCopyStart };

struct Copied {
  Passages::Place place;
  int32_t end_read = 0;
};
inline Copied copied_of(const Position::Frame& frame) {
  const int32_t written = frame.state - 1;
  return {{static_cast<int32_t>(frame.value >> 32), static_cast<int32_t>(frame.value),
           written / 16},
          written % 16};
}
inline void put_copied(Position::Frame& frame, const Copied& copied) {
  frame.state = copied.place.depth * 16 + copied.end_read + 1;
  frame.value = (int64_t{copied.place.low} << 32) | copied.place.high;
}

// A patch: kPatchStart, then kPatchFrames of the same node. The lower ones are where the hunk
// stands in its file, as of a passage, and from where on; the last one all else of
// PatchWalk::State, with at the end `at` as how much of kParameterEnd was read.
enum PatchState : int32_t { kPatchStart, kPatch = 1 << 20 };
inline constexpr uint8_t kPatchFrames = 3;

inline PatchWalk::State patch_of(std::span<const Position::Frame, kPatchFrames> frames) {
  const Position::Frame &lower = frames[0], &upper = frames[2];
  PatchWalk::State state;
  state.stage = static_cast<PatchWalk::Stage>(upper.state & 7);
  state.menu = static_cast<PatchWalk::Menu>(upper.state >> 3 & 7);
  state.text = static_cast<uint8_t>(upper.state >> 6 & 31);
  state.has_line = (upper.state >> 11 & 1) != 0;
  state.is_update = (upper.state >> 12 & 1) != 0;
  state.is_begun = (upper.state >> 13 & 1) != 0;
  state.segment = static_cast<PatchWalk::Segment>(upper.state >> 14 & 3);
  state.is_first = (upper.state >> 16 & 1) != 0;
  state.is_blank = (upper.state >> 17 & 1) != 0;
  state.at = static_cast<int32_t>(upper.value >> 32);
  state.source = static_cast<int16_t>(upper.value);
  state.place = {static_cast<int32_t>(lower.value >> 32), static_cast<int32_t>(lower.value),
                 lower.state, static_cast<int32_t>(frames[1].value)};
  return state;
}
inline void put_patch(std::span<Position::Frame, kPatchFrames> frames,
                      const PatchWalk::State& state) {
  Position::Frame &lower = frames[0], &upper = frames[2];
  upper.state = kPatch | static_cast<int32_t>(state.stage) | state.menu << 3 | state.text << 6 |
                int32_t{state.has_line} << 11 | int32_t{state.is_update} << 12 |
                int32_t{state.is_begun} << 13 | static_cast<int32_t>(state.segment) << 14 |
                int32_t{state.is_first} << 16 | int32_t{state.is_blank} << 17;
  upper.value = (int64_t{state.at} << 32) | static_cast<uint16_t>(state.source);
  lower.state = state.place.depth;
  lower.value = (int64_t{state.place.low} << 32) | state.place.high;
  frames[1].value = state.place.from;
}

struct Range {
  int64_t low, high;
};
// Of the digits, without sign.
inline Range positive(const ValueNode& node) {
  return {std::max<int64_t>(node.min, 0), node.max};
}
inline Range negative(const ValueNode& node) {
  return {std::max<int64_t>(-node.max, 1), -node.min};
}

// The first multiple of `step` at or above `value`, neither being negative.
inline int64_t next_multiple(int64_t value, int64_t step) {
  return (value + step - 1) / step * step;
}

// First state after the first byte of a character longer than one byte; -1: no such byte.
inline int32_t lead_state(uint8_t byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return kMore1;
  if (byte == 0xE0) return kAfterE0;
  if (byte == 0xED) return kAfterEd;
  if (byte >= 0xE1 && byte <= 0xEF) return kMore2;
  if (byte == 0xF0) return kAfterF0;
  if (byte == 0xF4) return kAfterF4;
  if (byte >= 0xF1 && byte <= 0xF3) return kMore3;
  return -1;
}

// What a continuation byte must be, and the state behind it.
struct Continuation {
  int low, high;
  int32_t next;
};
inline Continuation continuation(int32_t state) {
  switch (state) {
    case kMore1: return {0x80, 0xBF, kBody};
    case kMore2: return {0x80, 0xBF, kMore1};
    case kMore3: return {0x80, 0xBF, kMore2};
    case kAfterE0: return {0xA0, 0xBF, kMore1};
    case kAfterEd: return {0x80, 0x9F, kMore1};
    case kAfterF0: return {0x90, 0xBF, kMore2};
    default: return {0x80, 0x8F, kMore2};
  }
}

}  // namespace corvid::engine
