#pragma once
// How the tool calls of each syntax are written: what constraint and parser share.

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/chat.h"

namespace corvid::engine {

struct CallForm {
  struct Trigger {
    std::string_view text;
    int16_t open_at = 0;  // where in `open` a call stands behind it
  };

  std::string_view open;  // up to the tool's name
  std::string_view name_end;
  std::string_view close;       // behind the arguments
  std::string_view next, last;  // behind `close`: another call, or (where not empty) the end
  std::vector<Trigger> triggers;  // what opens a call within text
  bool at_start = false;          // `open` is one too, but only as the turn's first text
  bool numbered = false;          // the name is followed by the call's number and `arguments_tag`
  bool xml = false;               // arguments are tags around values, not a JSON object
  bool names_quoted = false;      // the name is a JSON string
  std::vector<std::string_view> tags;  // texts that are tokens of their own in some vocabularies
};

inline constexpr std::string_view kParameterEnd = "\n</parameter>";
inline constexpr std::string_view kArgumentsTag = "<|tool_call_argument_begin|>";

const CallForm& call_form(CallSyntax syntax);
const CallForm& value_form();  // of a turn that is one value: nothing around it

}  // namespace corvid::engine
