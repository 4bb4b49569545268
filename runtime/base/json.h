#pragma once
// The whole JSON library: only for .cc files. Headers use json_fwd.h.

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "runtime/base/json_fwd.h"

namespace corvid {

inline constexpr int kJsonDepthMax = 64;

// Where `text` nests deeper than `depth_max`; npos: nowhere. nlohmann's values are copied, written
// and destroyed recursively, so text of others is held against this before it is parsed.
size_t json_too_deep_at(std::string_view text, int depth_max);

// Parses UTF-8 JSON text at most kJsonDepthMax deep. Throws invalid: "WHAT: ... at byte N", where
// WHAT names the source ("arguments of read_file", "session.jsonl line 7").
Json parse_json(std::string_view text, const std::string& what);

// The same without an error: a value of which is_discarded() holds where `text` is no JSON or nests
// deeper than `depth_max`.
Json try_parse_json(std::string_view text, int depth_max = kJsonDepthMax);

// One line, keys sorted, invalid UTF-8 replaced by U+FFFD so that it never throws.
std::string dump_json(const Json& value);

// Typed access with one clear error (invalid) that names the missing or mistyped key.
std::string json_string(const Json& object, const char* key);
std::string json_string_or(const Json& object, const char* key, std::string fallback);
int64_t json_int_or(const Json& object, const char* key, int64_t fallback);
bool json_bool_or(const Json& object, const char* key, bool fallback);

}  // namespace corvid
