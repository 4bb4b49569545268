// The shortest way out of an open call.
#include <algorithm>

#include "engine/sample/automaton.h"
#include "engine/sample/automaton_states.h"

namespace corvid::engine {

// Behind a call's `close`.
std::string Automaton::tail(const Position& position) const {
  const LiteralTrie& trie = after(position);
  const bool begun = position.phase == Phase::after && position.at > 0;
  if (!begun) return std::string(form_.last);
  for (int32_t literal = trie.size(); literal-- > 0;) {
    if (!trie.passes(literal, position.at)) continue;
    std::string text = trie.rest(literal, position.at);
    if (trie.target(literal) == static_cast<int32_t>(Phase::ended)) return text;
    return text + finish_name(position, 0) + std::string(form_.close) + std::string(form_.last);
  }
  return {};
}

std::string Automaton::completion(const Position& position) const {
  std::string best = completion_one(position);
  for (const Position& other : position.others) {
    std::string text = completion_one(other);
    if (text.size() < best.size()) best = std::move(text);
  }
  return best;
}

std::string Automaton::completion_one(const Position& position) const {
  if (!inside_call_one(position)) return {};
  const auto from = [&](std::string_view literal) {
    return std::string(literal.substr(static_cast<size_t>(position.at)));
  };
  const std::string end = std::string(form_.close) + std::string(form_.last);
  std::string text;
  switch (position.phase) {
    case Phase::open: return from(form_.open) + finish_name(position, 0) + end;
    case Phase::after: return tail(position);
    case Phase::name: return finish_name(position, position.name) + end;
    case Phase::close: return from(form_.close) + std::string(form_.last);
    case Phase::number: text = from(number(position)); break;
    default: break;
  }
  size_t shared = 0;  // bytes that the frame above has written for this one
  for (size_t i = position.depth; i-- > 0;) {
    const bool is_patch = grammar_.node(position.frames[i].node).kind == ValueKind::patch;
    text += (is_patch ? finish_patch(position, i) : finish(position.frames[i], position.source))
                .substr(shared);
    if (is_patch && position.frames[i].state != kPatchStart) i -= kPatchFrames - 1;
    shared = grammar_.node(position.frames[i].node).closes ? kParameterEnd.size() : 0;
  }
  return text + end;
}

std::string Automaton::finish_name(const Position& position, int32_t at) const {
  const LiteralTrie& names = grammar_.names();
  const std::string between = form_.numbered ? number(position) : "";
  std::string best;
  for (int32_t literal = 0; literal < names.size(); ++literal) {
    if (!names.passes(literal, at)) continue;
    const auto tool = static_cast<size_t>(names.target(literal));
    const std::string text =
        names.rest(literal, at) + between + grammar_.node(grammar_.tools()[tool].arguments).minimal;
    if (best.empty() || text.size() < best.size()) best = text;
  }
  return best;
}

// The shortest value of a node, without the kParameterEnd that it may bring.
std::string Automaton::minimal(int32_t index, int16_t source) const {
  const ValueNode& node = grammar_.node(index);
  if (node.kind != ValueKind::copied) return node.minimal;
  std::string text = finish_copied(node, {index, kCopyStart, 0}, source);
  if (node.closes) text.resize(text.size() - kParameterEnd.size());
  return text;
}

std::string Automaton::finish_copied(const ValueNode& node, const Position::Frame& frame,
                                     int16_t source) const {
  const Passages* passages = sources_->passages(source);
  const std::string end(node.closes ? kParameterEnd : std::string_view("\""));
  if (passages == nullptr) {
    const std::string& text = grammar_.node(node.item).minimal;
    return node.closes ? text + end : text;
  }
  const bool is_start = frame.state == kCopyStart;
  const Copied copied = is_start ? Copied{passages->begin(), 0} : copied_of(frame);
  if (copied.end_read > 0) return end.substr(static_cast<size_t>(copied.end_read));
  return (is_start && !node.closes ? "\"" : "") + passages->rest(copied.place) + end;
}

std::string Automaton::finish_patch(const Position& position, size_t index) const {
  const Position::Frame& frame = position.frames[index];
  const ValueNode& node = grammar_.node(frame.node);
  const std::string end(node.closes ? kParameterEnd : std::string_view("\""));
  if (frame.state == kPatchStart) return node.closes ? node.minimal + end : node.minimal;
  const PatchWalk::State state = patch_of(
      std::span<const Position::Frame, kPatchFrames>(&frame - (kPatchFrames - 1), kPatchFrames));
  if (state.stage != PatchWalk::Stage::ended) return patches_->rest(state) + end;
  return end.substr(static_cast<size_t>(state.at));
}

std::string Automaton::finish(const Position::Frame& frame, int16_t source) const {
  const ValueNode& node = grammar_.node(frame.node);
  switch (node.kind) {
    case ValueKind::literals: {
      const LiteralTrie::Node& at = node.literals.node(frame.state);
      return at.literal >= 0 ? "" : node.literals.rest(at.first, frame.state);
    }
    case ValueKind::string: return finish_string(node, frame);
    case ValueKind::integer: return finish_integer(node, frame);
    case ValueKind::number:
      return frame.state == kNumber || frame.state == kNumberMinus || frame.state == kPoint ? "0"
                                                                                            : "";
    case ValueKind::object: return finish_object(node, frame, source);
    case ValueKind::array: return finish_array(node, frame);
    case ValueKind::raw: return finish_raw(node, frame);
    case ValueKind::tags: return finish_tags(node, frame, source);
    case ValueKind::pattern: return node.dfa.shortest(frame.state);
    case ValueKind::decimal: return decimal_rest(node.bounds, {frame.state, frame.value});
    case ValueKind::map: return finish_map(node, frame);
    case ValueKind::choice: return node.minimal;
    case ValueKind::variants: return finish_variants(node, frame);
    case ValueKind::copied: return finish_copied(node, frame, source);
    case ValueKind::patch: break;  // finish_patch
  }
  return {};
}

std::string Automaton::finish_raw(const ValueNode& node, const Position::Frame& frame) const {
  std::string text;
  int64_t length = frame.value;
  size_t read = 0;
  if (frame.state > kBody && frame.state < kLine) {
    for (int32_t state = frame.state; state != kBody;) {
      const Continuation want = continuation(state);
      text += static_cast<char>(want.low);
      state = want.next;
    }
  } else if (frame.state >= kLine && frame.state < kBare) {
    read = static_cast<size_t>(frame.state - kLine);
    // Too short to end here: what was read of the line becomes content.
    if (length - static_cast<int64_t>(read) < node.min) read = 0;
    length -= static_cast<int64_t>(read);
  }
  if (length < node.min) text.append(static_cast<size_t>(node.min - length), 'x');
  return text + std::string(kParameterEnd.substr(read));
}

std::string Automaton::finish_tags(const ValueNode& node, const Position::Frame& frame,
                                   int16_t source) const {
  const auto used = static_cast<uint64_t>(frame.value);
  const LiteralTrie& keys = node.keys[used != 0];
  std::string best;
  for (int32_t literal = 0; literal < keys.size(); ++literal) {
    if (!keys.passes(literal, frame.state)) continue;
    std::string text = keys.rest(literal, frame.state);
    const int32_t target = keys.target(literal);
    if (target == kCloseObject) {
      if ((node.required & ~used) != 0) continue;
    } else {
      const uint64_t bit = uint64_t{1} << target;
      if ((used & bit) != 0) continue;
      text += minimal(node.properties[static_cast<size_t>(target)].value, source);
      text += grammar_.tags_tail(node, used | bit);
    }
    if (best.empty() || text.size() < best.size()) best = text;
  }
  return best;
}

std::string Automaton::finish_string(const ValueNode& node, const Position::Frame& frame) const {
  if (frame.state == kQuote) return node.minimal;
  std::string text;
  switch (frame.state) {
    case kBody: break;
    case kBackslash: text = "n"; break;
    case kHex1: text = "001f"; break;
    case kHex2: text = "01f"; break;
    case kHex3: text = "1f"; break;
    case kHex4:
    case kHex4NotZero: text = "f"; break;
    default:
      for (int32_t state = frame.state; state != kBody;) {
        const Continuation want = continuation(state);
        text += static_cast<char>(want.low);
        state = want.next;
      }
  }
  if (frame.value < node.min) text.append(static_cast<size_t>(node.min - frame.value), 'x');
  return text + '"';
}

std::string Automaton::finish_integer(const ValueNode& node, const Position::Frame& frame) const {
  const bool minus = frame.state == kMinus || frame.state == kMinusDigits;
  const bool digits = frame.state == kDigits || frame.state == kMinusDigits;
  if (frame.state == kStart) return node.minimal;
  const Range range = minus ? negative(node) : positive(node);
  if (!digits) return std::to_string(next_multiple(range.low, node.multiple));
  int64_t first = frame.value, span = 1;
  const auto nearest = [&] { return next_multiple(std::max(first, range.low), node.multiple); };
  while (nearest() > std::min(first + span - 1, range.high)) {
    first *= 10;
    span *= 10;
  }
  const int64_t value = nearest();
  return std::to_string(value).substr(std::to_string(frame.value).size());
}

std::string Automaton::finish_object(const ValueNode& node, const Position::Frame& frame,
                                     int16_t source) const {
  if (frame.state == kBrace) return node.minimal;
  const LiteralTrie& keys = Grammar::keys(node, frame.value / 2, frame.value % 2);
  std::string best;
  for (int32_t literal = 0; literal < keys.size(); ++literal) {
    if (!keys.passes(literal, frame.state - kKeys)) continue;
    std::string text = keys.rest(literal, frame.state - kKeys);
    if (const int32_t target = keys.target(literal); target != kCloseObject) {
      text += minimal(node.properties[static_cast<size_t>(target)].value, source);
      text += grammar_.object_tail(node, int64_t{target} + 1, true);
    }
    if (best.empty() || text.size() < best.size()) best = text;
  }
  return best;
}

std::string Automaton::finish_map(const ValueNode& node, const Position::Frame& frame) const {
  const auto minimal = [&](int32_t part) { return part < 0 ? "" : grammar_.node(part).minimal; };
  const std::string value = minimal(node.item) + "}";
  switch (frame.state) {
    case kMapBrace: return node.minimal;
    case kMapFirst:
    case kMapAfter: return frame.value >= node.min ? "}" : minimal(node.key) + ": " + value;
    case kMapColon: return ": " + value;
    case kMapSpace: return " " + value;
    default: return " " + minimal(node.key) + ": " + value;
  }
}

std::string Automaton::finish_variants(const ValueNode& node, const Position::Frame& frame) const {
  std::string best;
  for (int32_t literal = 0; literal < node.literals.size(); ++literal) {
    if (!node.literals.passes(literal, frame.state)) continue;
    const auto target = static_cast<size_t>(node.literals.target(literal));
    const std::string text = node.literals.rest(literal, frame.state) +
                             grammar_.object_tail(grammar_.node(node.parts[target]), 1, true);
    if (best.empty() || text.size() < best.size()) best = text;
  }
  return best;
}

std::string Automaton::finish_array(const ValueNode& node, const Position::Frame& frame) const {
  if (frame.state == kBracket) return node.minimal;
  std::string text;
  int64_t count = frame.value;
  if (frame.state == kAfterComma) {
    text += " " + grammar_.node(Grammar::item_of(node, count++)).minimal;
  }
  for (; count < node.min; ++count) {
    if (count > 0) text += ", ";
    text += grammar_.node(Grammar::item_of(node, count)).minimal;
  }
  return text + "]";
}

}  // namespace corvid::engine
