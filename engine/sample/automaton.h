#pragma once
// The canonical writing of a turn as an automaton over bytes (see CallForm):
//   [text] <tool_call>\n{"name": "N", "arguments": {"k": v, ...}}\n</tool_call> [\n<tool_call>...]

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/constraint.h"
#include "engine/sample/grammar.h"
#include "engine/sample/passages.h"
#include "engine/sample/patch_walk.h"

namespace corvid::engine {

// start: text that may still be a call as its very first text; number: behind a name.
enum class Phase : uint8_t { start, text, open, name, number, value, close, after, ended };

// Where in the turn we are. Cheap to copy while there is one way to read what was written.
struct Position {
  struct Frame {
    int32_t node = 0;
    int32_t state = 0;
    int64_t value = 0;
  };
  Phase phase = Phase::text;
  uint8_t depth = 0;    // frames in use
  int16_t at = 0;       // in the literal of the phase, or a node of its trie
  bool triggered = false;  // the opening began in text
  int32_t calls = 0;
  int32_t name = 0;     // node in Grammar::names()
  int32_t named = -1;   // node in Grammar::source_names(); -1: the text is none of them
  int16_t source = PassageSources::kAny;  // of which this call's arguments copy
  std::array<Frame, kNestingMax + 2> frames;
  // Other ways to read it, where alternatives of a schema begin alike; these have no others.
  std::vector<Position> others;

  Frame& top() { return frames[depth - 1u]; }
  const Frame& top() const { return frames[depth - 1u]; }
};

class Automaton {
 public:
  explicit Automaton(const ConstraintSpec& spec);

  Position start() const;
  // False: no turn goes on so; `position` is then of no more use.
  bool step(Position& position, uint8_t byte) const;
  bool step(Position& position, std::string_view bytes) const;
  bool may_end(const Position& position) const;
  bool inside_call(const Position& position) const;
  // Whether `tag`, one of the form's, may begin exactly here.
  bool may_tag(const Position& position, std::string_view tag) const;
  const CallForm& form() const { return form_; }
  // Text, in which a call may be opened.
  static bool is_text(const Position& position) {
    return position.phase == Phase::text || position.phase == Phase::start;
  }
  // Inside of a string, between two characters: how many more fit (INT64_MAX: any number).
  std::optional<int64_t> string_room(const Position& position) const;
  // The shortest text that closes what is open.
  std::string completion(const Position& position) const;
  // Equal for positions with the same future; rooms of `room_max` characters and more are alike.
  std::string key(const Position& position, int64_t room_max) const;

 private:
  enum class Taken { no, yes, before };  // before: the value had ended, the byte is its parent's

  bool step_one(Position& position, uint8_t byte) const;  // of a position without others
  bool may_end_one(const Position& position) const;
  bool inside_call_one(const Position& position) const;
  bool may_tag_one(const Position& position, std::string_view tag) const;
  std::string completion_one(const Position& position) const;
  std::string key_one(const Position& position, int64_t room_max) const;
  bool step_text(Position& position, uint8_t byte) const;
  bool step_name(Position& position, uint8_t byte) const;
  bool step_number(Position& position, uint8_t byte) const;
  bool step_after(Position& position, uint8_t byte) const;
  void enter(Position& position, int32_t open_at) const;
  const LiteralTrie& after(const Position& position) const;
  std::string number(const Position& position) const;
  std::string tail(const Position& position) const;
  bool step_value(Position& position, uint8_t byte) const;
  void close_line(Position& position) const;
  Taken take(Position& position, uint8_t byte) const;
  Taken take_kind(Position& position, uint8_t byte) const;
  Taken take_string(Position& position, uint8_t byte) const;
  Taken take_integer(Position& position, uint8_t byte) const;
  Taken take_number(Position& position, uint8_t byte) const;
  Taken take_object(Position& position, uint8_t byte) const;
  std::optional<Taken> take_end(Position& position, uint8_t byte, char end) const;
  Taken take_array(Position& position, uint8_t byte) const;
  Taken take_literal(Position& position, uint8_t byte) const;
  Taken take_raw(Position& position, uint8_t byte) const;
  Taken take_tags(Position& position, uint8_t byte) const;
  Taken take_pattern(Position& position, uint8_t byte) const;
  Taken take_decimal(Position& position, uint8_t byte) const;
  Taken take_map(Position& position, uint8_t byte) const;
  Taken take_choice(Position& position, uint8_t byte) const;
  Taken take_variants(Position& position, uint8_t byte) const;
  Taken take_copied(Position& position, uint8_t byte) const;
  Taken take_patch(Position& position, uint8_t byte) const;
  Taken take_copied_raw(Position& position, const Passages& passages, uint8_t byte) const;
  void follow_name(Position& position, uint8_t byte) const;
  std::string finish(const Position::Frame& frame, int16_t source) const;
  std::string minimal(int32_t node, int16_t source) const;
  std::string finish_string(const ValueNode& node, const Position::Frame& frame) const;
  std::string finish_integer(const ValueNode& node, const Position::Frame& frame) const;
  std::string finish_object(const ValueNode& node, const Position::Frame& frame,
                            int16_t source) const;
  std::string finish_array(const ValueNode& node, const Position::Frame& frame) const;
  std::string finish_raw(const ValueNode& node, const Position::Frame& frame) const;
  std::string finish_tags(const ValueNode& node, const Position::Frame& frame,
                          int16_t source) const;
  std::string finish_copied(const ValueNode& node, const Position::Frame& frame,
                            int16_t source) const;
  std::string finish_patch(const Position& position, size_t frame) const;
  std::string finish_map(const ValueNode& node, const Position::Frame& frame) const;
  std::string finish_variants(const ValueNode& node, const Position::Frame& frame) const;
  std::string finish_name(const Position& position, int32_t at) const;

  const CallForm& form_;
  Grammar grammar_;
  std::shared_ptr<const PassageSources> sources_;
  std::shared_ptr<const PatchWalk> patches_;  // null: no tool has any
  LiteralTrie triggers_, starts_;  // targets: where in `open` a call stands behind them
  LiteralTrie after_[2];           // what may follow a call; [1]: which is the last one
  int32_t value_ = -1;  // the node of the whole turn, where it is one value
  bool call_required_, allow_text_, calls_possible_;
  int32_t calls_max_, calls_before_;
};

}  // namespace corvid::engine
