#include "runtime/base/json.h"

#include "runtime/base/error.h"

namespace corvid {

size_t json_too_deep_at(std::string_view text, int depth_max) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > depth_max) return i;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return std::string_view::npos;
}

Json parse_json(std::string_view text, const std::string& what) {
  const size_t deep = json_too_deep_at(text, kJsonDepthMax);
  if (deep != std::string_view::npos) {
    fail(Code::invalid, what + ": nested deeper than " + std::to_string(kJsonDepthMax) +
                            " at byte " + std::to_string(deep));
  }
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const Json::parse_error& error) {
    fail(Code::invalid, what + ": not valid JSON at byte " + std::to_string(error.byte) + " (" +
                            error.what() + ")");
  } catch (const Json::out_of_range& error) {
    fail(Code::invalid, what + ": not valid JSON (" + error.what() + ")");
  }
}

Json try_parse_json(std::string_view text, int depth_max) {
  if (json_too_deep_at(text, depth_max) != std::string_view::npos) {
    return Json(Json::value_t::discarded);
  }
  return Json::parse(text.begin(), text.end(), nullptr, false);
}

std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string json_string(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (!object.is_object() || found == object.end()) {
    fail(Code::invalid, std::string("missing '") + key + "'");
  }
  if (!found->is_string()) fail(Code::invalid, std::string("'") + key + "' is not a string");
  return found->get<std::string>();
}

std::string json_string_or(const Json& object, const char* key, std::string fallback) {
  if (!object.is_object() || !object.contains(key) || object.at(key).is_null()) return fallback;
  return json_string(object, key);
}

int64_t json_int_or(const Json& object, const char* key, int64_t fallback) {
  if (!object.is_object() || !object.contains(key) || object.at(key).is_null()) return fallback;
  const Json& value = object.at(key);
  if (!value.is_number_integer()) {
    fail(Code::invalid, std::string("'") + key + "' is not an integer");
  }
  return value.get<int64_t>();
}

bool json_bool_or(const Json& object, const char* key, bool fallback) {
  if (!object.is_object() || !object.contains(key) || object.at(key).is_null()) return fallback;
  const Json& value = object.at(key);
  if (!value.is_boolean()) fail(Code::invalid, std::string("'") + key + "' is not true or false");
  return value.get<bool>();
}

}  // namespace corvid
