#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "engine/sample/dfa.h"

namespace corvid::engine {

// How the characters of a text are written: between quotes in JSON (only what must be is escaped,
// as tojson does), or plainly without line breaks and control characters.
enum class Writing { json, plain };

// What is wrong with a pattern; throws.
using PatternError = std::function<void(const std::string& what)>;

// The texts in which the ECMA-262 regular expression `pattern` (without flags) matches somewhere.
// Calls `error` for what is not regular or not supported: back references, look-around, \b, \p, and
// patterns that grow too large.
Dfa pattern_dfa(std::string_view pattern, Writing writing, const PatternError& error);

// Texts of `min` to `max` characters; `max` below 0: any number.
Dfa length_dfa(int64_t min, int64_t max, Writing writing, const PatternError& error);

// `text` alone, and every text.
Dfa literal_dfa(std::string_view text, Writing writing, const PatternError& error);
Dfa any_text_dfa(Writing writing, const PatternError& error);

// The pattern of a JSON Schema format: date, time, date-time, duration, email, hostname, ipv4,
// ipv6, uuid, uri; empty for others, which are notes alone.
std::string_view format_pattern(std::string_view format);

}  // namespace corvid::engine
