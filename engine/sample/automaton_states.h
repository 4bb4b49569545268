#pragma once
// States inside of a value, shared by automaton.cc and completion.cc.

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "engine/sample/automaton.h"
#include "engine/sample/grammar.h"
#include "engine/sample/passages.h"

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
