#pragma once
// The canonical writing of a turn as a deterministic automaton over bytes:
//   [text] <tool_call>\n{"name": "N", "arguments": {"k": v, ...}}\n</tool_call> [\n<tool_call>...]

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/constraint.h"
#include "engine/sample/grammar.h"

namespace corvid::engine {

enum class Phase : uint8_t { text, open, name, value, close, after, ended };

// Where in the turn we are. Cheap to copy.
struct Position {
  struct Frame {
    int32_t node = 0;
    int32_t state = 0;
    int64_t value = 0;
  };
  Phase phase = Phase::text;
  uint8_t depth = 0;    // frames in use
  int16_t at = 0;       // in the literal of the phase; text: how much of an opening tag was seen
  int32_t calls = 0;
  int32_t name = 0;     // node in Grammar::names()
  std::array<Frame, kNestingMax + 2> frames;

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
  // The tag that may begin exactly here; empty: none.
  std::string_view tag(const Position& position) const;
  // Inside of a string, between two characters: how many more fit (INT64_MAX: any number).
  std::optional<int64_t> string_room(const Position& position) const;
  // The shortest text that closes what is open.
  std::string completion(const Position& position) const;
  // Equal for positions with the same future; rooms of `room_max` characters and more are alike.
  std::string key(const Position& position, int64_t room_max) const;

 private:
  enum class Taken { no, yes, before };  // before: the value had ended, the byte is its parent's

  bool step_value(Position& position, uint8_t byte) const;
  Taken take(Position& position, uint8_t byte) const;
  Taken take_string(Position& position, uint8_t byte) const;
  Taken take_integer(Position& position, uint8_t byte) const;
  Taken take_number(Position& position, uint8_t byte) const;
  Taken take_object(Position& position, uint8_t byte) const;
  Taken take_array(Position& position, uint8_t byte) const;
  std::string finish(const Position::Frame& frame) const;
  std::string finish_string(const ValueNode& node, const Position::Frame& frame) const;
  std::string finish_integer(const ValueNode& node, const Position::Frame& frame) const;
  std::string finish_object(const ValueNode& node, const Position::Frame& frame) const;
  std::string finish_array(const ValueNode& node, const Position::Frame& frame) const;
  std::string finish_name(int32_t at) const;

  Grammar grammar_;
  bool call_required_, allow_text_, calls_possible_;
  int32_t calls_max_;
};

}  // namespace corvid::engine
