#include "engine/sample/automaton.h"

#include <algorithm>

#include "engine/sample/automaton_states.h"

namespace corvid::engine {

namespace {

constexpr int64_t kNumberDigitsMax = 15;

bool digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }
bool hex(uint8_t byte) { return digit(byte) || (byte >= 'a' && byte <= 'f'); }
bool between(uint8_t byte, int low, int high) { return byte >= low && byte <= high; }

// Whether some whole number in [low, high] begins with the digits of `magnitude`.
bool reachable(int64_t magnitude, int64_t low, int64_t high) {
  if (low > high) return false;
  int64_t first = magnitude, last = magnitude;
  while (first <= high) {
    if (last >= low) return true;
    if (magnitude == 0) return false;
    first = first * 10;
    last = last * 10 + 9;
  }
  return false;
}

// First state after the first byte of a character longer than one byte; -1: no such byte.
int32_t lead_state(uint8_t byte) {
  if (between(byte, 0xC2, 0xDF)) return kMore1;
  if (byte == 0xE0) return kAfterE0;
  if (byte == 0xED) return kAfterEd;
  if (between(byte, 0xE1, 0xEF)) return kMore2;
  if (byte == 0xF0) return kAfterF0;
  if (byte == 0xF4) return kAfterF4;
  if (between(byte, 0xF1, 0xF3)) return kMore3;
  return -1;
}

}  // namespace

Automaton::Automaton(const ConstraintSpec& spec)
    : grammar_(spec.tools),
      call_required_(spec.call_required),
      allow_text_(spec.allow_text),
      calls_possible_(spec.calls_max > 0 && !grammar_.tools().empty()),
      calls_max_(spec.calls_max) {}

Position Automaton::start() const {
  Position position;
  const bool text = allow_text_ && !call_required_;
  position.phase = text ? Phase::text : calls_possible_ ? Phase::open : Phase::ended;
  return position;
}

bool Automaton::may_end(const Position& position) const {
  switch (position.phase) {
    case Phase::text:
    case Phase::ended: return true;
    case Phase::open: return position.at == 0 && !call_required_;
    case Phase::after: return position.at == 0;
    default: return false;
  }
}

bool Automaton::inside_call(const Position& position) const {
  switch (position.phase) {
    case Phase::text:
    case Phase::ended: return false;
    case Phase::open:
    case Phase::after: return position.at > 0;
    default: return true;
  }
}

std::string_view Automaton::tag(const Position& position) const {
  switch (position.phase) {
    case Phase::text: return calls_possible_ ? kOpenTag : std::string_view();
    case Phase::open: return position.at == 0 ? kOpenTag : std::string_view();
    case Phase::after:
      return position.at == 1 && position.calls < calls_max_ ? kOpenTag : std::string_view();
    case Phase::close: return position.at == 2 ? kCloseTag : std::string_view();
    default: return {};
  }
}

bool Automaton::step(Position& position, std::string_view bytes) const {
  return std::all_of(bytes.begin(), bytes.end(), [&](char byte) {
    return step(position, static_cast<uint8_t>(byte));
  });
}

bool Automaton::step(Position& p, uint8_t byte) const {
  const auto expect = [&](std::string_view literal, Phase next) {
    if (byte != static_cast<uint8_t>(literal[static_cast<size_t>(p.at)])) return false;
    if (static_cast<size_t>(++p.at) == literal.size()) {
      p.phase = next;
      p.at = 0;
      p.name = 0;
    }
    return true;
  };
  switch (p.phase) {
    case Phase::text: {
      const bool goes_on = byte == static_cast<uint8_t>(kOpenTag[static_cast<size_t>(p.at)]);
      p.at = goes_on ? static_cast<int16_t>(p.at + 1) : byte == '<' ? 1 : 0;
      if (static_cast<size_t>(p.at) == kOpenTag.size()) {
        if (!calls_possible_) return false;
        p.phase = Phase::open;
      }
      return true;
    }
    case Phase::open: return expect(kOpen, Phase::name);
    case Phase::name: {
      const LiteralTrie& names = grammar_.names();
      p.name = names.step(p.name, byte);
      if (p.name < 0) return false;
      const int32_t literal = names.node(p.name).literal;
      if (literal < 0) return true;
      const auto tool = static_cast<size_t>(names.target(literal));
      p.phase = Phase::value;
      p.frames[p.depth++] = {grammar_.tools()[tool].arguments, 0, 0};
      return true;
    }
    case Phase::value: return step_value(p, byte);
    case Phase::close:
      if (!expect(kClose, Phase::after)) return false;
      if (p.phase == Phase::after) ++p.calls;
      return true;
    case Phase::after: return p.calls < calls_max_ && expect(kNext, Phase::name);
    case Phase::ended: return false;
  }
  return false;
}

bool Automaton::step_value(Position& p, uint8_t byte) const {
  for (;;) {
    const Taken taken = take(p, byte);
    if (taken == Taken::no) return false;
    if (p.depth == 0) {
      p.phase = Phase::close;
      p.at = 0;
      return taken == Taken::yes;
    }
    if (taken == Taken::yes) return true;
  }
}

Automaton::Taken Automaton::take(Position& p, uint8_t byte) const {
  Position::Frame& frame = p.top();
  const ValueNode& node = grammar_.node(frame.node);
  switch (node.kind) {
    case ValueKind::literals: {
      const int32_t next = node.literals.step(frame.state, byte);
      if (next < 0) {
        if (node.literals.node(frame.state).literal < 0) return Taken::no;
        --p.depth;
        return Taken::before;
      }
      frame.state = next;
      const LiteralTrie::Node& at = node.literals.node(next);
      if (at.literal >= 0 && at.next.empty()) --p.depth;
      return Taken::yes;
    }
    case ValueKind::string: return take_string(p, byte);
    case ValueKind::integer: return take_integer(p, byte);
    case ValueKind::number: return take_number(p, byte);
    case ValueKind::object: return take_object(p, byte);
    case ValueKind::array: return take_array(p, byte);
  }
  return Taken::no;
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
    if (!(minus && value == 0) && reachable(value, range.low, range.high)) {
      frame.value = value;
      frame.state = minus ? kMinusDigits : kDigits;
      return Taken::yes;
    }
    return Taken::no;
  }
  if (!digits || frame.value < range.low || frame.value > range.high || digit(byte)) {
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

Automaton::Taken Automaton::take_array(Position& p, uint8_t byte) const {
  Position::Frame& frame = p.top();
  const ValueNode& node = grammar_.node(frame.node);
  const bool room = node.max < 0 || frame.value < node.max;
  switch (frame.state) {
    case kBracket:
      frame.state = kFirst;
      return byte == '[' ? Taken::yes : Taken::no;
    case kFirst:
    case kAfterItem:
      if (byte == ']' && frame.value >= node.min) {
        --p.depth;
        return Taken::yes;
      }
      if (!room) return Taken::no;
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
  ++frame.value;
  p.frames[p.depth++] = {node.item, 0, 0};
  return first ? Taken::before : Taken::yes;  // the item takes the byte that began it
}

std::optional<int64_t> Automaton::string_room(const Position& position) const {
  if (position.phase != Phase::value) return std::nullopt;
  const Position::Frame& frame = position.top();
  const ValueNode& node = grammar_.node(frame.node);
  if (node.kind != ValueKind::string || frame.state != kBody) return std::nullopt;
  return node.max < 0 ? INT64_MAX : node.max - frame.value;
}

std::string Automaton::key(const Position& p, int64_t room_max) const {
  std::string key;
  const auto add = [&](int64_t value) { key += std::to_string(value) + ' '; };
  add(static_cast<int64_t>(p.phase));
  add(p.at);
  add(std::min(calls_max_ - p.calls, 3));  // no token holds more than two calls' tags
  if (p.phase == Phase::name) add(p.name);
  for (size_t i = 0; i < p.depth; ++i) {
    const Position::Frame& frame = p.frames[i];
    const ValueNode& node = grammar_.node(frame.node);
    add(frame.node);
    add(frame.state);
    if (node.kind == ValueKind::string) {
      add(node.max < 0 ? room_max : std::min(node.max - frame.value, room_max));
      add(std::max<int64_t>(node.min - frame.value, 0));
    } else if (node.kind == ValueKind::array) {
      add(node.max < 0 ? room_max : std::min(node.max - frame.value, room_max));
      add(std::max<int64_t>(node.min - frame.value, 0));
    } else {
      add(frame.value);
    }
  }
  return key;
}

}  // namespace corvid::engine
