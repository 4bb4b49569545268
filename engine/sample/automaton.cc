#include "engine/sample/automaton.h"

#include <algorithm>

#include "engine/sample/automaton_states.h"
#include "engine/sample/schema_compiler.h"
#include "runtime/base/error.h"

namespace corvid::engine {
namespace {

constexpr size_t kWaysMax = 64;  // what else a text may be the beginning of is given up

bool is_same(const Position& a, const Position& b) {
  const auto same_frame = [](const Position::Frame& x, const Position::Frame& y) {
    return x.node == y.node && x.state == y.state && x.value == y.value;
  };
  return a.phase == b.phase && a.depth == b.depth && a.at == b.at && a.triggered == b.triggered &&
         a.calls == b.calls && a.name == b.name && a.named == b.named && a.source == b.source &&
         std::equal(a.frames.begin(), a.frames.begin() + a.depth, b.frames.begin(), same_frame);
}

template <typename Predicate>
bool any_way(const Position& position, const Predicate& holds) {
  return holds(position) || std::any_of(position.others.begin(), position.others.end(), holds);
}

}  // namespace

Automaton::Automaton(const ConstraintSpec& spec)
    : form_(spec.value_schema ? value_form() : call_form(spec.syntax)),
      grammar_(spec.value_schema ? std::vector<ToolShape>{} : spec.tools, form_),
      sources_(std::make_shared<const PassageSources>(spec.sources, !form_.xml)),
      call_required_(spec.call_required),
      allow_text_(spec.allow_text),
      calls_possible_(spec.calls_max > 0 && !grammar_.tools().empty()),
      calls_max_(form_.next.empty() ? std::min(spec.calls_max, 1) : spec.calls_max),
      calls_before_(spec.calls_before) {
  if (spec.value_schema) {
    value_ = compile_value(grammar_, {"", *spec.value_schema, {}, {}, {}}, form_);
    if (value_ < 0) fail(Code::invalid, "the schema allows no value");
  }
  grammar_.name_sources(sources_->sources(), form_);
  for (const ToolShape& tool : spec.tools) {
    if (tool.patches.empty() || patches_) continue;
    patches_ = std::make_shared<const PatchWalk>(spec.sources, !form_.xml);
  }
  for (const CallForm::Trigger& trigger : form_.triggers) {
    triggers_.add(trigger.text, trigger.open_at);
    starts_.add(trigger.text, trigger.open_at);
  }
  if (form_.at_start) starts_.add(form_.open, static_cast<int32_t>(form_.open.size()));
  if (!form_.next.empty()) after_[0].add(form_.next, static_cast<int32_t>(Phase::name));
  for (LiteralTrie& trie : after_) {
    if (!form_.last.empty()) trie.add(form_.last, static_cast<int32_t>(Phase::ended));
  }
}

Position Automaton::start() const {
  Position position;
  if (value_ >= 0) {
    position.phase = Phase::value;
    position.frames[position.depth++] = {value_, 0, 0};
    return position;
  }
  const bool text = allow_text_ && !call_required_;
  const Phase written = form_.at_start ? Phase::start : Phase::text;
  position.phase = text ? written : calls_possible_ ? Phase::open : Phase::ended;
  return position;
}

bool Automaton::may_end(const Position& position) const {
  return any_way(position, [&](const Position& way) { return may_end_one(way); });
}

bool Automaton::inside_call(const Position& position) const {
  return any_way(position, [&](const Position& way) { return inside_call_one(way); });
}

bool Automaton::may_end_one(const Position& position) const {
  switch (position.phase) {
    case Phase::start:
    case Phase::text:
    case Phase::ended: return true;
    case Phase::open: return position.at == 0 && !call_required_ && !position.triggered;
    case Phase::after: return position.at == 0 && form_.last.empty();
    // A number ends only where nothing more of it comes.
    case Phase::value:
      return value_ >= 0 && position.depth == 1 && completion_one(position).empty();
    default: return false;
  }
}

bool Automaton::inside_call_one(const Position& position) const {
  switch (position.phase) {
    case Phase::start:
    case Phase::text:
    case Phase::ended: return false;
    case Phase::open: return position.at > 0 || position.triggered;
    case Phase::after: return position.at > 0 || !form_.last.empty();
    default: return true;
  }
}

const LiteralTrie& Automaton::after(const Position& position) const {
  return after_[position.calls < calls_max_ ? 0 : 1];
}

std::string Automaton::number(const Position& position) const {
  return std::to_string(calls_before_ + position.calls) + std::string(kArgumentsTag);
}

bool Automaton::may_tag(const Position& position, std::string_view tag) const {
  return any_way(position, [&](const Position& way) { return may_tag_one(way, tag); });
}

bool Automaton::may_tag_one(const Position& p, std::string_view tag) const {
  const auto in = [&](std::string_view literal) {
    return literal.substr(static_cast<size_t>(p.at)).starts_with(tag);
  };
  const auto in_trie = [&](const LiteralTrie& trie, int32_t at) {
    for (int32_t literal = 0; literal < trie.size(); ++literal) {
      if (trie.passes(literal, at) && trie.rest(literal, at).starts_with(tag)) return true;
    }
    return false;
  };
  switch (p.phase) {
    case Phase::start:
    case Phase::text: return calls_possible_ && in_trie(triggers_, 0);
    case Phase::open: return in(form_.open);
    case Phase::number: return in(number(p));
    case Phase::close: return in(form_.close);
    case Phase::after: return in_trie(after(p), p.at);
    default: return false;
  }
}

bool Automaton::step(Position& position, std::string_view bytes) const {
  return std::all_of(bytes.begin(), bytes.end(), [&](char byte) {
    return step(position, static_cast<uint8_t>(byte));
  });
}

bool Automaton::step(Position& p, uint8_t byte) const {
  if (p.others.empty()) return step_one(p, byte);
  std::vector<Position> before = std::move(p.others);
  p.others.clear();
  before.insert(before.begin(), p);
  std::vector<Position> after;
  const auto add = [&](const Position& way) {
    const bool is_known = std::any_of(after.begin(), after.end(), [&](const Position& known) {
      return is_same(known, way);
    });
    if (!is_known && after.size() < kWaysMax) after.push_back(way);
  };
  for (Position& way : before) {
    if (!step_one(way, byte)) continue;
    const std::vector<Position> forks = std::move(way.others);
    way.others.clear();
    add(way);
    for (const Position& fork : forks) add(fork);
  }
  if (after.empty()) return false;
  p = after.front();
  p.others.assign(after.begin() + 1, after.end());
  return true;
}

bool Automaton::step_one(Position& p, uint8_t byte) const {
  const auto expect = [&](std::string_view literal) {
    return byte == static_cast<uint8_t>(literal[static_cast<size_t>(p.at)]);
  };
  switch (p.phase) {
    case Phase::start:
    case Phase::text: return step_text(p, byte);
    case Phase::open:
      if (!expect(form_.open)) return false;
      enter(p, p.at + 1);
      return true;
    case Phase::name: return step_name(p, byte);
    case Phase::number: return step_number(p, byte);
    case Phase::value: return step_value(p, byte);
    case Phase::close:
      if (!expect(form_.close)) return false;
      if (static_cast<size_t>(++p.at) == form_.close.size()) {
        p.phase = Phase::after;
        p.at = 0;
        ++p.calls;
      }
      return true;
    case Phase::after: return step_after(p, byte);
    case Phase::ended: return false;
  }
  return false;
}

// Behind `open_at` bytes of `open`.
void Automaton::enter(Position& p, int32_t open_at) const {
  const bool whole = static_cast<size_t>(open_at) == form_.open.size();
  p.phase = whole ? Phase::name : Phase::open;
  p.at = whole ? int16_t{0} : static_cast<int16_t>(open_at);
  p.name = 0;
}

// No trigger has its first byte a second time, so that a mismatch never loses the beginning of one.
bool Automaton::step_text(Position& p, uint8_t byte) const {
  const LiteralTrie* trie = p.phase == Phase::start ? &starts_ : &triggers_;
  int32_t next = trie->step(p.at, byte);
  if (next < 0) {
    const bool blank = byte == ' ' || byte == '\n';
    if (p.phase == Phase::start && p.at == 0 && blank) return true;
    p.phase = Phase::text;
    trie = &triggers_;
    next = std::max(trie->step(0, byte), 0);
  }
  p.at = static_cast<int16_t>(next);
  const int32_t literal = next > 0 ? trie->node(next).literal : -1;
  if (literal < 0) return true;
  enter(p, trie->target(literal));
  p.triggered = p.phase == Phase::open;
  return calls_possible_;
}

bool Automaton::step_name(Position& p, uint8_t byte) const {
  const LiteralTrie& names = grammar_.names();
  p.name = names.step(p.name, byte);
  if (p.name < 0) return false;
  const int32_t literal = names.node(p.name).literal;
  if (literal < 0) return true;
  const auto tool = static_cast<size_t>(names.target(literal));
  p.phase = form_.numbered ? Phase::number : Phase::value;
  p.at = 0;
  p.frames[p.depth++] = {grammar_.tools()[tool].arguments, 0, 0};
  p.source = PassageSources::kAny;
  return true;
}

bool Automaton::step_number(Position& p, uint8_t byte) const {
  const std::string literal = number(p);
  if (byte != static_cast<uint8_t>(literal[static_cast<size_t>(p.at)])) return false;
  if (static_cast<size_t>(++p.at) == literal.size()) {
    p.phase = Phase::value;
    p.at = 0;
  }
  return true;
}

bool Automaton::step_after(Position& p, uint8_t byte) const {
  const LiteralTrie& trie = after(p);
  const int32_t next = trie.step(p.at, byte);
  if (next < 0) return false;
  p.at = static_cast<int16_t>(next);
  const int32_t literal = trie.node(next).literal;
  if (literal < 0) return true;
  p.phase = static_cast<Phase>(trie.target(literal));
  p.at = 0;
  p.name = 0;
  return true;
}

bool Automaton::step_value(Position& p, uint8_t byte) const {
  const auto leave = [&](Position& way) {
    if (way.depth > 0) return;
    way.phase = form_.close.empty() ? Phase::ended : Phase::close;
    way.at = 0;
  };
  for (;;) {
    const Taken taken = take(p, byte);
    if (taken == Taken::no) return false;
    leave(p);
    for (Position& other : p.others) leave(other);
    if (p.depth == 0) return taken == Taken::yes;
    if (taken == Taken::yes) return true;
  }
}

Automaton::Taken Automaton::take(Position& p, uint8_t byte) const {
  if (grammar_.node(p.top().node).names_source) follow_name(p, byte);
  return take_kind(p, byte);
}

Automaton::Taken Automaton::take_kind(Position& p, uint8_t byte) const {
  Position::Frame& frame = p.top();
  const ValueNode& node = grammar_.node(frame.node);
  switch (node.kind) {
    case ValueKind::literals: return take_literal(p, byte);
    case ValueKind::string: return take_string(p, byte);
    case ValueKind::integer: return take_integer(p, byte);
    case ValueKind::number: return take_number(p, byte);
    case ValueKind::object: return take_object(p, byte);
    case ValueKind::array: return take_array(p, byte);
    case ValueKind::raw: return take_raw(p, byte);
    case ValueKind::tags: return take_tags(p, byte);
    case ValueKind::pattern: return take_pattern(p, byte);
    case ValueKind::decimal: return take_decimal(p, byte);
    case ValueKind::map: return take_map(p, byte);
    case ValueKind::choice: return take_choice(p, byte);
    case ValueKind::variants: return take_variants(p, byte);
    case ValueKind::copied: return take_copied(p, byte);
    case ValueKind::patch: return take_patch(p, byte);
  }
  return Taken::no;
}

// Behind a value that ended with the line that its tags begin with.
void Automaton::close_line(Position& p) const {
  --p.depth;
  const LiteralTrie& keys = grammar_.node(p.top().node).keys[1];
  int32_t at = 0;
  for (const char c : kParameterEnd) at = keys.step(at, static_cast<uint8_t>(c));
  p.top().state = at;
}

std::optional<int64_t> Automaton::string_room(const Position& position) const {
  if (position.phase != Phase::value || !position.others.empty()) return std::nullopt;
  const Position::Frame& frame = position.top();
  const ValueNode& node = grammar_.node(frame.node);
  const bool raw_start = node.kind == ValueKind::raw && frame.state == kRawStart;
  const bool text = node.kind == ValueKind::string || node.kind == ValueKind::raw;
  if (!raw_start && (!text || frame.state != kBody)) return std::nullopt;
  return node.max < 0 ? INT64_MAX : node.max - frame.value;
}

std::string Automaton::key(const Position& position, int64_t room_max) const {
  std::string key = key_one(position, room_max);
  for (const Position& other : position.others) key += '|' + key_one(other, room_max);
  return key;
}

std::string Automaton::key_one(const Position& p, int64_t room_max) const {
  std::string key;
  const auto add = [&](int64_t value) { key += std::to_string(value) + ' '; };
  add(static_cast<int64_t>(p.phase));
  add(p.at);
  add(p.triggered);
  add(std::min(calls_max_ - p.calls, 3));  // no token holds more than two calls' tags
  if (p.phase == Phase::name) add(p.name);
  if (form_.numbered && !is_text(p)) add(p.calls);
  if (p.depth > 0 && !sources_->sources().empty()) {
    add(p.source);
    if (grammar_.node(p.top().node).names_source) add(p.named);
  }
  for (size_t i = 0; i < p.depth; ++i) {
    const Position::Frame& frame = p.frames[i];
    const ValueNode& node = grammar_.node(frame.node);
    add(frame.node);
    add(frame.state);
    if (node.kind == ValueKind::string || node.kind == ValueKind::raw) {
      add(node.max < 0 ? room_max : std::min(node.max - frame.value, room_max));
      add(std::max<int64_t>(node.min - frame.value, 0));
    } else if (node.kind == ValueKind::array && node.parts.empty()) {
      add(node.max < 0 ? room_max : std::min(node.max - frame.value, room_max));
      add(std::max<int64_t>(node.min - frame.value, 0));
    } else {
      add(frame.value);
    }
  }
  return key;
}

}  // namespace corvid::engine
