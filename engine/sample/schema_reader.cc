#include "engine/sample/schema_reader.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "engine/sample/schema_merge.h"
#include "engine/text/jinja/value.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::engine {
namespace {

constexpr size_t kLeavesMax = 256;

std::string json_quoted(std::string_view text) { return jinja::to_json(jinja::Value(text), {}); }

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Of a schema that names none, by its keywords; empty: any.
std::string implied_type(const OrderedJson& schema) {
  if (has_any(schema, {"properties", "required", "additionalProperties", "propertyNames",
                       "minProperties", "maxProperties"})) {
    return "object";
  }
  if (has_any(schema, {"items", "prefixItems", "minItems", "maxItems", "uniqueItems"})) {
    return "array";
  }
  if (has_any(schema, {"pattern", "minLength", "maxLength"})) return "string";
  const bool number = has_any(schema, {"minimum", "maximum", "exclusiveMinimum",
                                       "exclusiveMaximum", "multipleOf"});
  return number ? "number" : "";
}

// The schema for values of one type: keywords of other types say nothing then.
OrderedJson only_for(const OrderedJson& schema, const std::string& type) {
  static const std::pair<const char*, std::vector<const char*>> kOwn[] = {
      {"object", {"properties", "required", "additionalProperties", "propertyNames",
                  "minProperties", "maxProperties", "patternProperties", "dependentRequired"}},
      {"array", {"items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"}},
      {"string", {"pattern", "format", "minLength", "maxLength"}},
      {"number", {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}}};
  OrderedJson leaf = schema;
  leaf["type"] = type;
  for (const auto& [owner, keywords] : kOwn) {
    if (owner == type || (type == "integer" && std::string_view(owner) == "number")) continue;
    for (const char* keyword : keywords) leaf.erase(keyword);
  }
  return leaf;
}

std::string type_of(const OrderedJson& value) {
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "boolean";
  if (value.is_null()) return "null";
  if (value.is_array()) return "array";
  return value.is_object() ? "object" : "number";
}

bool is_whole(const OrderedJson& value) {
  return value.is_number_integer() || (value.is_number() && std::floor(value.get<double>()) ==
                                                                value.get<double>());
}

}  // namespace

bool has_any(const OrderedJson& schema, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(),
                     [&](const char* name) { return schema.contains(name); });
}

SchemaReader::SchemaReader(const ToolShape& shape)
    : shape_(shape),
      root_(std::make_shared<OrderedJson>(parse_ordered(shape.schema))) {
  if (!root_->is_object()) error("is not a JSON object");
}

void SchemaReader::error(const std::string& what) const {
  const std::string whose =
      shape_.name.empty() ? "the schema " : "tool '" + shape_.name + "': its schema ";
  fail(Code::invalid, whose + what);
}

OrderedJson SchemaReader::flat(const OrderedJson& schema) {
  if (schema.is_object() && schema.contains("$ref")) refers_ = true;
  return flat_schema(schema, *root_, [this](const std::string& what) { error(what); });
}
OrderedJson SchemaReader::merge(const OrderedJson& a, const OrderedJson& b) {
  return flat(merge_schemas(a, b, [this](const std::string& what) { error(what); }));
}

void SchemaReader::check_keywords(const OrderedJson& schema,
                                  std::initializer_list<std::string_view> known) const {
  for (const auto& [keyword, value] : schema.items()) {
    const bool annotation = is_one_of(
        keyword, {"type", "title", "description", "default", "examples", "format", "$schema",
                  "$id", "$comment", "$defs", "definitions", "enum", "deprecated", "readOnly",
                  "writeOnly"});
    if (!annotation && !is_one_of(keyword, known)) {
      error("has the keyword '" + keyword + "', which is not supported here");
    }
  }
}

int64_t SchemaReader::whole(const OrderedJson& schema, const char* keyword,
                            int64_t otherwise) const {
  const auto found = schema.find(keyword);
  if (found == schema.end()) return otherwise;
  if (!found->is_number()) error(std::string("needs a number for '") + keyword + "'");
  const double value = found->get<double>();
  const bool large = std::fabs(value) > static_cast<double>(kWholeMax);
  if (large) return value < 0 ? -kWholeMax : kWholeMax;
  // Bounds between two whole numbers: inwards.
  const std::string_view name = keyword;
  const bool lower = name.starts_with("min") || name.starts_with("exclusiveMin");
  return static_cast<int64_t>(lower ? std::ceil(value) : std::floor(value));
}

// --- one schema as schemas of one type each ---------------------------------------------------

SchemaReader::Leaves SchemaReader::leaves_of(const OrderedJson& given) {
  Leaves leaves;
  add_leaves(flat(given), leaves);
  return leaves;
}

void SchemaReader::add_leaves(const OrderedJson& schema, Leaves& leaves) {
  if (leaves.size() > kLeavesMax) error("has too many alternatives");
  if (schema == false) return;
  if (schema == true) return leaves.push_back(OrderedJson::object());
  if (!schema.is_object()) error("has a part that is not an object");
  for (const char* keyword : {"anyOf", "oneOf"}) {
    if (!schema.contains(keyword)) continue;
    const OrderedJson parts = schema[keyword];
    if (!parts.is_array() || parts.empty()) {
      error(std::string("needs a list with alternatives for '") + keyword + "'");
    }
    OrderedJson rest = schema;
    rest.erase(keyword);
    const size_t before = leaves.size();
    for (const OrderedJson& part : parts) add_leaves(merge(rest, flat(part)), leaves);
    if (std::string_view(keyword) == "oneOf") {
      check_apart({leaves.begin() + static_cast<std::ptrdiff_t>(before), leaves.end()});
    }
    return;
  }
  if (schema.contains("enum")) return leaves.push_back(schema);
  OrderedJson types = schema.value("type", OrderedJson(implied_type(schema)));
  if (types == "") return leaves.push_back(schema);
  if (types.is_string()) types = OrderedJson::array({types});
  if (!types.is_array()) error("has a 'type' that is no name");
  for (const OrderedJson& type : types) {
    const bool known = type.is_string() && is_one_of(type.get_ref<const std::string&>(),
                                                     {"object", "array", "string", "integer",
                                                      "number", "boolean", "null"});
    if (!known) error("has the type " + type.dump() + ", which is not supported");
    const bool repeats = type == "integer" && std::find(types.begin(), types.end(), "number") !=
                                                  types.end();
    if (repeats) continue;
    leaves.push_back(only_for(schema, type.get<std::string>()));
  }
}

std::string SchemaReader::group(const OrderedJson& leaf) {
  const std::string type = leaf.value("type", "");
  return type == "integer" ? "number" : type;
}

// For oneOf: a value that two alternatives allow is not allowed, so that they have to differ in
// type (objects: in their first property, which objects() checks).
void SchemaReader::check_apart(const Leaves& leaves) const {
  std::map<std::string, int> counts;
  std::set<std::string> values;
  for (const OrderedJson& leaf : leaves) {
    if (!leaf.contains("enum")) {
      ++counts[group(leaf)];
      continue;
    }
    for (const OrderedJson& value : leaf["enum"]) {
      if (!values.insert(json_text(value)).second) error("has a value twice in 'oneOf'");
    }
  }
  for (const OrderedJson& leaf : leaves) {
    if (!leaf.contains("enum")) continue;
    for (const OrderedJson& value : leaf["enum"]) {
      if (counts.contains(type_of(value)) || counts.contains("")) {
        error("has a 'oneOf' whose alternatives overlap");
      }
    }
  }
  for (const auto& [name, count] : counts) {
    if ((count > 1 && name != "object") || (name.empty() && counts.size() > 1)) {
      error("has a 'oneOf' whose alternatives overlap");
    }
  }
}

// Whether a value of an enum is allowed by the keywords beside it.
bool SchemaReader::matches(const OrderedJson& schema, const OrderedJson& value) const {
  check_keywords(schema, {"minLength", "maxLength", "pattern", "minimum", "maximum",
                          "exclusiveMinimum", "exclusiveMaximum", "multipleOf"});
  if (const auto types = schema.find("type"); types != schema.end()) {
    const std::string own = type_of(value);
    const auto fits = [&](const OrderedJson& type) {
      return type == own || (type == "integer" && own == "number" && is_whole(value));
    };
    const bool good = types->is_array() ? std::any_of(types->begin(), types->end(), fits)
                                        : fits(*types);
    if (!good) return false;
  }
  if (value.is_number()) {
    const int64_t multiple = multiple_of(schema);
    const bool divides = multiple == 1 && !schema.contains("multipleOf")
                             ? true
                             : is_whole(value) && value.get<int64_t>() % multiple == 0;
    return bounds(schema).holds(value.get<double>()) && divides;
  }
  if (!value.is_string()) return true;
  const auto text = value.get<std::string>();
  if (!is_utf8(text)) return false;
  const int64_t length = jinja::character_count(text);
  if (length < whole(schema, "minLength", 0)) return false;
  if (length > whole(schema, "maxLength", INT64_MAX)) return false;
  const std::optional<Dfa> dfa = patterns(schema, Writing::json);
  const std::string quoted = json_quoted(text);
  return !dfa || dfa->holds(std::string_view(quoted).substr(1, quoted.size() - 2));
}

// What patterns and formats say together; nullopt: nothing.
std::optional<Dfa> SchemaReader::patterns(const OrderedJson& schema, Writing writing) const {
  std::optional<Dfa> all;
  for (const char* keyword : {"pattern", "format"}) {
    if (!schema.contains(keyword)) continue;
    OrderedJson given = schema[keyword];
    if (!given.is_array()) given = OrderedJson::array({given});
    for (const OrderedJson& one : given) {
      if (!one.is_string() || !is_utf8(one.get_ref<const std::string&>())) {
        error(std::string("needs text for '") + keyword + "'");
      }
      const auto& text = one.get_ref<const std::string&>();
      const bool is_format = std::string_view(keyword) == "format";
      const std::string_view pattern = is_format ? format_pattern(text) : text;
      if (is_format && pattern.empty()) continue;
      const Dfa dfa = pattern_dfa(pattern, writing, pattern_error(text));
      all = all ? combined(*all, dfa, Dfa::Combine::both) : dfa;
    }
  }
  return all;
}

Dfa SchemaReader::string_dfa(const OrderedJson& schema, Writing writing) const {
  const int64_t min = whole(schema, "minLength", 0), max = whole(schema, "maxLength", -1);
  std::optional<Dfa> dfa = patterns(schema, writing);
  if (schema.contains("maxLength") && max < 0) return {};
  if (min > 0 || max >= 0) {
    const Dfa lengths = length_dfa(min, max, writing, pattern_error("minLength and maxLength"));
    dfa = dfa ? combined(*dfa, lengths, Dfa::Combine::both) : lengths;
  }
  return dfa ? *dfa : any_text_dfa(writing, pattern_error(""));
}

PatternError SchemaReader::pattern_error(const std::string& pattern) const {
  return [this, pattern](const std::string& what) {
    error("has the 'pattern' " + json_text(pattern) + ", which is not supported: " + what);
  };
}

Dfa SchemaReader::combined(const Dfa& a, const Dfa& b, Dfa::Combine how) const {
  std::optional<Dfa> both = Dfa::combine(a, b, how);
  if (!both) error("has a 'pattern' that is too large together with others");
  return *std::move(both);
}

int64_t SchemaReader::multiple_of(const OrderedJson& schema) const {
  const auto found = schema.find("multipleOf");
  if (found == schema.end()) return 1;
  if (!is_whole(*found) || found->get<double>() < 1 || found->get<double>() > (1 << 24)) {
    error("has a 'multipleOf' that is no whole number up to 2^24");
  }
  return found->get<int64_t>();
}

DecimalBounds SchemaReader::bounds(const OrderedJson& schema) const {
  DecimalBounds result;
  const auto number = [&](const char* keyword) -> std::optional<double> {
    if (!schema.contains(keyword)) return std::nullopt;
    if (!schema[keyword].is_number()) error(std::string("needs a number for '") + keyword + "'");
    return schema[keyword].get<double>();
  };
  if (const auto low = number("minimum")) result.low = *low;
  if (const auto high = number("maximum")) result.high = *high;
  if (const auto low = number("exclusiveMinimum"); low && *low >= result.low) {
    result.low = *low;
    result.low_open = true;
  }
  if (const auto high = number("exclusiveMaximum"); high && *high <= result.high) {
    result.high = *high;
    result.high_open = true;
  }
  return result;
}

std::string json_text(const OrderedJson& value) {
  if (value.is_string()) return json_quoted(value.get<std::string>());
  if (!value.is_structured()) return value.dump();
  std::string text;
  for (const auto& [key, item] : value.items()) {
    if (!text.empty()) text += ", ";
    text += value.is_object() ? json_quoted(key) + ": " + json_text(item) : json_text(item);
  }
  return value.is_object() ? "{" + text + "}" : "[" + text + "]";
}

}  // namespace corvid::engine
