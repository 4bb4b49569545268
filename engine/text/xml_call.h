#pragma once
// One call in the XML style of Nemotron 3, Qwen3.5 and Step 3.5:
//   <function=NAME>\n<parameter=ARGUMENT>\nVALUE\n</parameter>\n...</function>\n</tool_call>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "engine/chat.h"

namespace corvid::engine {

// Where the call at the beginning of `text` ends, its closing tags included where they are there;
// npos: not yet. `is_last`: no text will follow, so that </tool_call> may be missing.
size_t find_xml_call_end(std::string_view text, bool is_last);

// `schemas` is that of CallParserOptions. A value that its type does not fit stays a string, so
// that the tool can say what is wrong with it. nullopt: not a call.
std::optional<ParsedCall> parse_xml_call(std::string_view text,
                                         const std::map<std::string, std::string>& schemas);

}  // namespace corvid::engine
