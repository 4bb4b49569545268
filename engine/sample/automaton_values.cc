// How one byte is taken by a value of a call's arguments: one function per kind of ValueNode.
#include <algorithm>

#include "engine/sample/automaton.h"
#include "engine/sample/automaton_states.h"

namespace corvid::engine {

namespace {

constexpr int64_t kNumberDigitsMax = 15;

bool digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }
bool hex(uint8_t byte) { return digit(byte) || (byte >= 'a' && byte <= 'f'); }
bool between(uint8_t byte, int low, int high) { return byte >= low && byte <= high; }

// Whether some multiple of `step` in [low, high] begins with the digits of `magnitude`.
bool reachable(int64_t magnitude, int64_t low, int64_t high, int64_t step) {
  if (low > high) return false;
  int64_t first = magnitude, last = magnitude;
  while (first <= high) {
    if (next_multiple(std::max(first, low), step) <= std::min(last, high)) return true;
    if (magnitude == 0) return false;
    first = first * 10;
    last = last * 10 + 9;
  }
  return false;
}

}  // namespace

Automaton::Taken Automaton::take_literal(Position& p, uint8_t byte) const {
  Position::Frame& frame = p.top();
  const ValueNode& node = grammar_.node(frame.node);
  const int32_t next = node.literals.step(frame.state, byte);
  if (next < 0) {
    if (node.literals.node(frame.state).literal < 0) return Taken::no;
    --p.depth;
    return Taken::before;
  }
  frame.state = next;
  const LiteralTrie::Node& at = node.literals.node(next);
  if (at.literal < 0 || !at.next.empty()) return Taken::yes;
  node.closes ? close_line(p) : void(--p.depth);
  return Taken::yes;
}

// `value` counts all characters, those of a kParameterEnd that is not whole included.
Automaton::Taken Automaton::take_raw(Position& p, uint8_t byte) const {
  Position::Frame& frame = p.top();
  const ValueNode& node = grammar_.node(frame.node);
  if (frame.state == kRawStart) frame.state = kBody;
  if (frame.state > kBody && frame.state < kLine) {
    const Continuation want = continuation(frame.state);
    if (!between(byte, want.low, want.high)) return Taken::no;
    frame.state = want.next;
    return Taken::yes;
  }
  const bool in_line = frame.state >= kLine && frame.state < kBare;
  const int32_t base = in_line ? kLine : kBare;
  const int32_t read = std::max(frame.state - base, 0);
  int32_t next = kBody, pending = 0;
  if (read > 0 && byte == static_cast<uint8_t>(kParameterEnd[static_cast<size_t>(read)])) {
    next = (in_line ? kLine : kBare) + read + 1;
    pending = in_line ? read + 1 : 0;
  } else if (byte == '\n') {
    next = kLine + 1;
    pending = 1;
  } else if (byte == '<') {
    next = kBare + 2;
  } else if (byte >= 0x80) {
    next = lead_state(byte);
    if (next < 0) return Taken::no;
  } else if (byte == 0) {
    return Taken::no;
  }
  ++frame.value;
  if (node.max >= 0 && frame.value - pending > node.max) return Taken::no;
  frame.state = next;
  if (next == kBare + static_cast<int32_t>(kParameterEnd.size())) return Taken::no;
  if (next != kLine + static_cast<int32_t>(kParameterEnd.size())) return Taken::yes;
  if (frame.value - pending < node.min) return Taken::no;
  close_line(p);
  return Taken::yes;
}

// `value` is the set of properties that are written.
Automaton::Taken Automaton::take_tags(Position& p, uint8_t byte) const {
  Position::Frame& frame = p.top();
  const ValueNode& node = grammar_.node(frame.node);
  const auto used = static_cast<uint64_t>(frame.value);
  const LiteralTrie& keys = node.keys[used != 0];
  const int32_t next = keys.step(frame.state, byte);
  if (next < 0) return Taken::no;
  const uint64_t open = (node.required & ~used) != 0 ? kEndBit | used : used;
  if ((node.reach[used != 0][static_cast<size_t>(next)] & ~open) == 0) return Taken::no;
  frame.state = next;
  const int32_t literal = keys.node(next).literal;
  if (literal < 0) return Taken::yes;
  const int32_t target = keys.target(literal);
  if (target == kCloseObject) {
    --p.depth;
    return Taken::yes;
  }
  frame.value = static_cast<int64_t>(used | uint64_t{1} << target);
  frame.state = 0;
  p.frames[p.depth++] = {node.properties[static_cast<size_t>(target)].value, 0, 0};
  return Taken::yes;
}

Automaton::Taken Automaton::take_string(Position& p, uint8_t byte) const {
  Position::Frame& frame = p.top();
  const ValueNode& node = grammar_.node(frame.node);
  const auto go = [&](bool allowed, int32_t next) {
    if (allowed) frame.state = next;
    return allowed ? Taken::yes : Taken::no;
  };
  switch (frame.state) {
    case kQuote: return go(byte == '"', kBody);
    case kBody: {
      if (byte == '"') {
        if (frame.value < node.min) return Taken::no;
        --p.depth;
        return Taken::yes;
      }
      if (node.max >= 0 && frame.value >= node.max) return Taken::no;
      ++frame.value;
      if (byte == '\\') return go(true, kBackslash);
      if (byte >= 0x80) return go(lead_state(byte) >= 0, lead_state(byte));
      return go(byte >= 0x20, kBody);
    }
    case kBackslash:
      if (byte == 'u') return go(true, kHex1);
      return go(std::string_view("\"\\nrtbf").find(static_cast<char>(byte)) !=
                    std::string_view::npos,
                kBody);
    // \u is needed for control characters only: 0001 to 001f.
    case kHex1: return go(byte == '0', kHex2);
    case kHex2: return go(byte == '0', kHex3);
    case kHex3: return go(byte == '0' || byte == '1', byte == '0' ? kHex4NotZero : kHex4);
    case kHex4: return go(hex(byte), kBody);
    case kHex4NotZero: return go(hex(byte) && byte != '0', kBody);
    default: {
      const Continuation want = continuation(frame.state);
      return go(between(byte, want.low, want.high), want.next);
    }
  }
}

Automaton::Taken Automaton::take_integer(Position& p, uint8_t byte) const {
  Position::Frame& frame = p.top();
  const ValueNode& node = grammar_.node(frame.node);
  const bool minus = frame.state == kMinus || frame.state == kMinusDigits;
  const bool digits = frame.state == kDigits || frame.state == kMinusDigits;
  const Range range = minus ? negative(node) : positive(node);
  if (frame.state == kStart && byte == '-') {
    const Range below = negative(node);
    if (below.low > below.high) return Taken::no;
    frame.state = kMinus;
    return Taken::yes;
  }
  if (digit(byte) && !(digits && frame.value == 0) && frame.value < INT64_MAX / 10 - 1) {
    const int64_t value = frame.value * 10 + (byte - '0');
    if (!(minus && value == 0) && reachable(value, range.low, range.high, node.multiple)) {
      frame.value = value;
      frame.state = minus ? kMinusDigits : kDigits;
      return Taken::yes;
    }
    return Taken::no;
  }
  if (!digits || frame.value < range.low || frame.value > range.high || digit(byte) ||
      frame.value % node.multiple != 0) {
    return Taken::no;
  }
  --p.depth;
  return Taken::before;
}

Automaton::Taken Automaton::take_number(Position& p, uint8_t byte) const {
  Position::Frame& frame = p.top();
  const auto go = [&](int32_t next) {
    frame.value = next == kPoint ? 0 : frame.value + 1;
    frame.state = next;
    return Taken::yes;
  };
  const bool room = frame.value < kNumberDigitsMax;
  switch (frame.state) {
    case kNumber:
      if (byte == '-') {
        frame.state = kNumberMinus;
        return Taken::yes;
      }
      [[fallthrough]];
    case kNumberMinus: return digit(byte) ? go(byte == '0' ? kZero : kWhole) : Taken::no;
    case kWhole:
      if (digit(byte)) return room ? go(kWhole) : Taken::no;
      [[fallthrough]];
    case kZero:
      if (byte == '.') return go(kPoint);
      if (digit(byte)) return Taken::no;
      break;
    case kPoint: return digit(byte) ? go(kFraction) : Taken::no;
    default:
      if (digit(byte)) return room ? go(kFraction) : Taken::no;
  }
  --p.depth;
  return Taken::before;
}

Automaton::Taken Automaton::take_object(Position& p, uint8_t byte) const {
  Position::Frame& frame = p.top();
  const ValueNode& node = grammar_.node(frame.node);
  if (frame.state == kBrace) {
    frame.state = kKeys;
    return byte == '{' ? Taken::yes : Taken::no;
  }
  // `value` is twice the next property, plus one when a property has been written.
  const LiteralTrie& keys = Grammar::keys(node, frame.value / 2, frame.value % 2);
  const int32_t next = keys.step(frame.state - kKeys, byte);
  if (next < 0) return Taken::no;
  frame.state = kKeys + next;
  const int32_t literal = keys.node(next).literal;
  if (literal < 0) return Taken::yes;
  const int32_t target = keys.target(literal);
  if (target == kCloseObject) {
    --p.depth;
    return Taken::yes;
  }
  frame.value = (int64_t{target} + 1) * 2 + 1;
  frame.state = kKeys;
  p.frames[p.depth++] = {node.properties[static_cast<size_t>(target)].value, 0, 0};
  return Taken::yes;
}

// Of an array or a map, where it may end or an entry begin; `value` counts the entries. Nothing
// when an entry may begin.
std::optional<Automaton::Taken> Automaton::take_end(Position& p, uint8_t byte, char end) const {
  const Position::Frame& frame = p.top();
  const ValueNode& node = grammar_.node(frame.node);
  if (byte == static_cast<uint8_t>(end) && frame.value >= node.min) {
    --p.depth;
    return Taken::yes;
  }
  if (node.max >= 0 && frame.value >= node.max) return Taken::no;
  return std::nullopt;
}

Automaton::Taken Automaton::take_array(Position& p, uint8_t byte) const {
  Position::Frame& frame = p.top();
  const ValueNode& node = grammar_.node(frame.node);
  switch (frame.state) {
    case kBracket:
      frame.state = kFirst;
      return byte == '[' ? Taken::yes : Taken::no;
    case kFirst:
    case kAfterItem:
      if (const auto end = take_end(p, byte, ']')) return *end;
      if (frame.state == kAfterItem) {
        frame.state = kAfterComma;
        return byte == ',' ? Taken::yes : Taken::no;
      }
      break;
    default:
      if (byte != ' ') return Taken::no;
  }
  const bool first = frame.state == kFirst;
  frame.state = kAfterItem;
  p.frames[p.depth++] = {Grammar::item_of(node, frame.value++), 0, 0};
  return first ? Taken::before : Taken::yes;  // the item takes the byte that began it
}

// `state` is that of the pattern's own automaton.
Automaton::Taken Automaton::take_pattern(Position& p, uint8_t byte) const {
  const ValueNode& node = grammar_.node(p.top().node);
  const int32_t next = node.dfa.step(p.top().state, byte);
  if (next < 0) return Taken::no;
  p.top().state = next;
  if (node.dfa.is_end(next)) node.closes ? close_line(p) : void(--p.depth);
  return Taken::yes;
}

Automaton::Taken Automaton::take_decimal(Position& p, uint8_t byte) const {
  const DecimalBounds& bounds = grammar_.node(p.top().node).bounds;
  DecimalPlace place{p.top().state, p.top().value};
  if (decimal_step(bounds, place, byte)) {
    p.top().state = place.state;
    p.top().value = place.digits;
    return Taken::yes;
  }
  const bool goes_on = digit(byte) || byte == '.' || byte == '-';
  if (goes_on || !decimal_may_end(bounds, place)) return Taken::no;
  --p.depth;
  return Taken::before;
}

Automaton::Taken Automaton::take_map(Position& p, uint8_t byte) const {
  Position::Frame& frame = p.top();
  const ValueNode& node = grammar_.node(frame.node);
  const auto go = [&](int32_t next) {
    frame.state = next;
    return Taken::yes;
  };
  switch (frame.state) {
    case kMapBrace: return byte == '{' ? go(kMapFirst) : Taken::no;
    case kMapFirst:
    case kMapAfter:
      if (const auto end = take_end(p, byte, '}')) return *end;
      if (frame.state == kMapAfter) return byte == ',' ? go(kMapComma) : Taken::no;
      frame.state = kMapColon;
      p.frames[p.depth++] = {node.key, 0, 0};
      return Taken::before;  // the key takes the byte that began it
    case kMapColon: return byte == ':' ? go(kMapSpace) : Taken::no;
    default:
      if (byte != ' ') return Taken::no;
  }
  const bool is_value = frame.state == kMapSpace;
  if (is_value) ++frame.value;
  frame.state = is_value ? kMapAfter : kMapColon;
  p.frames[p.depth++] = {is_value ? node.item : node.key, 0, 0};
  return Taken::yes;
}

// Parts that begin with the same byte are followed side by side.
Automaton::Taken Automaton::take_choice(Position& p, uint8_t byte) const {
  std::vector<Position> ways;
  for (const int32_t part : grammar_.node(p.top().node).parts) {
    Position next = p;
    next.top() = {part, 0, 0};
    if (take(next, byte) != Taken::yes) continue;  // a value takes its first byte itself
    const std::vector<Position> forks = std::move(next.others);
    next.others.clear();
    ways.push_back(std::move(next));
    ways.insert(ways.end(), forks.begin(), forks.end());
  }
  if (ways.empty()) return Taken::no;
  p = ways.front();
  p.others.assign(ways.begin() + 1, ways.end());
  return Taken::yes;
}

// In step with the value itself: the text of a name and of its end.
void Automaton::follow_name(Position& p, uint8_t byte) const {
  const LiteralTrie& names = grammar_.source_names();
  if (p.top().state == 0 && p.top().value == 0) {
    p.named = 0;
    p.source = PassageSources::kFree;
  }
  if (p.named < 0) return;
  p.named = names.step(p.named, byte);
  const int32_t name = p.named < 0 ? -1 : names.node(p.named).literal;
  if (name < 0) return;
  p.source = static_cast<int16_t>(names.target(name));
  p.named = -1;
}

// `value` is the part of the list of passages, `state` what is written: see Copied.
Automaton::Taken Automaton::take_copied(Position& p, uint8_t byte) const {
  Position::Frame& frame = p.top();
  const ValueNode& node = grammar_.node(frame.node);
  const Passages* passages = sources_->passages(p.source);
  if (passages == nullptr) {
    frame = {node.item, 0, 0};
    return take(p, byte);
  }
  const bool is_raw = node.closes;
  if (frame.state == kCopyStart) {
    put_copied(frame, {passages->begin(), 0});
    if (!is_raw) return byte == '"' ? Taken::yes : Taken::no;
  }
  if (is_raw) return take_copied_raw(p, *passages, byte);
  Copied copied = copied_of(frame);
  // A quote within the text stands behind a backslash.
  if (byte == '"' && copied.place.depth > 0 && passages->is_between(copied.place)) {
    --p.depth;
    return Taken::yes;
  }
  if (!passages->step(copied.place, byte)) return Taken::no;
  put_copied(frame, copied);
  return Taken::yes;
}

// A line's end may belong to the passage or to kParameterEnd: both are followed.
Automaton::Taken Automaton::take_copied_raw(Position& p, const Passages& passages,
                                            uint8_t byte) const {
  Copied copied = copied_of(p.top());
  Passages::Place& place = copied.place;
  int32_t end_read = 0;
  const auto at = static_cast<size_t>(copied.end_read);
  if (at > 0 && byte == static_cast<uint8_t>(kParameterEnd[at])) {
    end_read = copied.end_read + 1;
  } else if (byte == '\n' && place.is_alive() && place.depth > 0 && passages.is_between(place)) {
    end_read = 1;
  }
  const bool goes_on = passages.step(place, byte);
  if (end_read == static_cast<int32_t>(kParameterEnd.size())) {
    close_line(p);
    return Taken::yes;
  }
  if (!goes_on && end_read == 0) return Taken::no;
  copied.end_read = end_read;
  put_copied(p.top(), copied);
  return Taken::yes;
}

Automaton::Taken Automaton::take_patch(Position& p, uint8_t byte) const {
  const int32_t index = p.top().node;
  const bool is_raw = grammar_.node(index).closes;
  const bool is_start = p.top().state == kPatchStart;
  const auto lowest = static_cast<uint8_t>(p.depth - (is_start ? 1 : kPatchFrames));
  const std::span<Position::Frame, kPatchFrames> frames(&p.frames[lowest], kPatchFrames);
  if (is_start) {
    while (p.depth < lowest + kPatchFrames) p.frames[p.depth++] = {index, 0, 0};
    put_patch(frames, {});
    if (!is_raw) return byte == '"' ? Taken::yes : Taken::no;
  }
  PatchWalk::State state = patch_of(frames);
  if (state.stage != PatchWalk::Stage::ended) {
    if (!patches_->step(state, byte)) return Taken::no;
  } else if (!is_raw) {
    p.depth = lowest;
    return byte == '"' ? Taken::yes : Taken::no;
  } else {
    if (byte != static_cast<uint8_t>(kParameterEnd[static_cast<size_t>(state.at)])) {
      return Taken::no;
    }
    if (static_cast<size_t>(++state.at) == kParameterEnd.size()) {
      p.depth = static_cast<uint8_t>(lowest + 1);
      close_line(p);
      return Taken::yes;
    }
  }
  put_patch(frames, state);
  return Taken::yes;
}

Automaton::Taken Automaton::take_variants(Position& p, uint8_t byte) const {
  Position::Frame& frame = p.top();
  const ValueNode& node = grammar_.node(frame.node);
  const int32_t next = node.literals.step(frame.state, byte);
  if (next < 0) return Taken::no;
  frame.state = next;
  const int32_t literal = node.literals.node(next).literal;
  if (literal < 0) return Taken::yes;
  // The object behind its first property.
  frame = {node.parts[static_cast<size_t>(node.literals.target(literal))], kKeys, 3};
  return Taken::yes;
}

}  // namespace corvid::engine
