#pragma once
// Random JSON Schemas of the supported kind, values that match them, and a validator.

#include <algorithm>
#include <random>
#include <string>

#include "engine/chat.h"
#include "engine/text/jinja/value.h"
#include "runtime/base/json.h"

namespace corvid::test {

using engine::OrderedJson;
namespace jinja = engine::jinja;

inline OrderedJson random_schema(std::mt19937& random, int depth);

inline OrderedJson random_object(std::mt19937& random, int depth) {
  static const char* const kNames[] = {"path",   "pa",         "name",  "é",
                                       "offset", "with space", "q\"q", "x"};
  OrderedJson schema = {{"type", "object"}, {"properties", OrderedJson::object()}};
  OrderedJson required = OrderedJson::array();
  for (const char* name : kNames) {
    if (random() % 3) continue;
    schema["properties"][name] = random_schema(random, depth + 1);
    if (random() % 2) required.push_back(name);
  }
  if (!required.empty()) schema["required"] = required;
  schema["additionalProperties"] = false;
  return schema;
}

inline OrderedJson random_schema(std::mt19937& random, int depth) {
  switch (random() % (depth < 3 ? 9 : 7)) {
    case 0: return {{"type", "string"}};
    case 1: return {{"type", "string"}, {"maxLength", random() % 5}};
    case 2: {
      const auto low = static_cast<int64_t>(random() % 2000) - 1000;
      const auto high = low + static_cast<int64_t>(random() % 3000);
      return {{"type", "integer"}, {"minimum", low}, {"maximum", high}};
    }
    case 3: return {{"type", "integer"}};
    case 4: return {{"type", "number"}};
    case 5: return {{"type", "boolean"}};
    case 6: return {{"enum", {"one", "one two", 1, 10, 105, true, nullptr, "", "日"}}};
    case 7: {
      OrderedJson schema = {{"type", "array"}, {"items", random_schema(random, depth + 1)}};
      if (random() % 2) schema["minItems"] = random() % 2;
      if (random() % 2) schema["maxItems"] = 1 + random() % 3;
      return schema;
    }
    default: return random_object(random, depth);
  }
}

inline OrderedJson random_instance(const OrderedJson& schema, std::mt19937& random) {
  if (schema.contains("enum")) return schema["enum"][random() % schema["enum"].size()];
  const std::string type = schema["type"];
  if (type == "string") {
    static const char* const kParts[] = {"a",  "the", "\"",    "\\", "\n",     "é",    "日本",
                                         "🙂", " ",   "12",    "_file", "}", "</tool", "path",
                                         "\x01", "."};
    const int64_t room = schema.value("maxLength", int64_t{12});
    std::string text;
    for (int64_t i = 0; i < room && random() % 6; ++i) {
      const std::string part = kParts[random() % 16];
      if (jinja::character_count(text + part) <= room) text += part;
    }
    return text;
  }
  if (type == "integer") {
    const int64_t low = schema.value("minimum", int64_t{-5000});
    const int64_t high = schema.value("maximum", int64_t{50000});
    return low + static_cast<int64_t>(random()) % (high - low + 1);
  }
  if (type == "number") return static_cast<double>(static_cast<int>(random() % 4000) - 2000) / 16;
  if (type == "boolean") return random() % 2 == 0;
  if (type == "array") {
    OrderedJson items = OrderedJson::array();
    const uint64_t low = schema.value("minItems", 0), high = schema.value("maxItems", 4);
    const uint64_t count = low + random() % (high - low + 1);
    for (uint64_t i = 0; i < count; ++i) items.push_back(random_instance(schema["items"], random));
    return items;
  }
  OrderedJson object = OrderedJson::object();
  const OrderedJson required = schema.value("required", OrderedJson::array());
  for (const auto& [name, part] : schema["properties"].items()) {
    const bool needed = std::find(required.begin(), required.end(), name) != required.end();
    if (needed || random() % 2) object[name] = random_instance(part, random);
  }
  return object;
}

// Why `value` does not match `schema`; empty: it does.
inline std::string validation_error(const OrderedJson& schema, const OrderedJson& value) {
  const auto wrong = [&](const char* what) { return std::string(what) + ": " + value.dump(); };
  if (schema.contains("enum")) {
    const auto& options = schema["enum"];
    return std::find(options.begin(), options.end(), value) != options.end() ? "" : wrong("enum");
  }
  const std::string type = schema.value("type", "object");
  if (type == "string") {
    if (!value.is_string()) return wrong("not a string");
    const int64_t length = jinja::character_count(value.get<std::string>());
    return length <= schema.value("maxLength", int64_t{1} << 40) ? "" : wrong("too long");
  }
  if (type == "integer") {
    if (!value.is_number_integer()) return wrong("not an integer");
    const auto number = value.get<int64_t>();
    const bool inside = number >= schema.value("minimum", INT64_MIN) &&
                        number <= schema.value("maximum", INT64_MAX);
    return inside ? "" : wrong("out of bounds");
  }
  if (type == "number") return value.is_number() ? "" : wrong("not a number");
  if (type == "boolean") return value.is_boolean() ? "" : wrong("not a boolean");
  if (type == "array") {
    if (!value.is_array()) return wrong("not an array");
    if (value.size() < schema.value("minItems", 0u)) return wrong("too few");
    if (value.size() > schema.value("maxItems", 1u << 20)) return wrong("too many");
    for (const OrderedJson& item : value) {
      if (const auto error = validation_error(schema["items"], item); !error.empty()) return error;
    }
    return "";
  }
  if (!value.is_object()) return wrong("not an object");
  const OrderedJson properties = schema.value("properties", OrderedJson::object());
  for (const auto& [name, item] : value.items()) {
    if (!properties.contains(name)) return wrong("unknown key");
    if (const auto error = validation_error(properties[name], item); !error.empty()) return error;
  }
  for (const OrderedJson& name : schema.value("required", OrderedJson::array())) {
    if (!value.contains(name.get<std::string>())) return wrong("missing key");
  }
  return "";
}

inline jinja::Value to_value(const OrderedJson& json) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_float()) return json.get<double>();
  if (json.is_number()) return json.get<int64_t>();
  if (json.is_null()) return jinja::None{};
  if (json.is_array()) {
    std::vector<jinja::Value> items;
    for (const OrderedJson& item : json) items.push_back(to_value(item));
    return jinja::Value::list(std::move(items));
  }
  auto object = std::make_shared<jinja::DictObject>();
  for (const auto& [key, item] : json.items()) object->items.emplace_back(key, to_value(item));
  return jinja::Value(std::move(object));
}

// As a template's tojson writes it.
inline std::string canonical(const OrderedJson& json) {
  return jinja::to_json(to_value(json), {});
}

}  // namespace corvid::test
