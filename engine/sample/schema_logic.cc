#include "engine/sample/schema_logic.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <utility>

#include "runtime/base/json.h"

namespace corvid::engine {
namespace {

constexpr std::string_view kAssertions[] = {
    "type", "enum", "const", "allOf", "anyOf", "oneOf", "not", "if", "$ref",
    "$dynamicRef", "$recursiveRef", "properties", "required", "additionalProperties",
    "propertyNames", "minProperties", "maxProperties", "patternProperties", "dependentRequired",
    "dependentSchemas", "dependencies", "unevaluatedProperties", "items", "prefixItems",
    "additionalItems", "minItems", "maxItems", "uniqueItems", "contains", "unevaluatedItems",
    "minLength", "maxLength", "pattern", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "divisibleBy", "disallow", "extends",
    kNotEnum, kNotPattern};

constexpr std::pair<const char*, const char*> kUnevaluated[] = {
    {"unevaluatedProperties", "additionalProperties"}, {"unevaluatedItems", "items"}};

// What the value of a keyword has to be.
enum class Form { schema, schemas, map_of_schemas, map_of_names, names, list, number, text };
struct KeywordForm {
  std::string_view keyword;
  Form form;
};
constexpr KeywordForm kForms[] = {
    {"not", Form::schema}, {"if", Form::schema}, {"then", Form::schema}, {"else", Form::schema},
    {"items", Form::schema}, {"contains", Form::schema}, {"additionalProperties", Form::schema},
    {"propertyNames", Form::schema}, {"unevaluatedProperties", Form::schema},
    {"unevaluatedItems", Form::schema}, {"allOf", Form::schemas}, {"anyOf", Form::schemas},
    {"oneOf", Form::schemas}, {"prefixItems", Form::schemas},
    {"properties", Form::map_of_schemas}, {"patternProperties", Form::map_of_schemas},
    {"dependentSchemas", Form::map_of_schemas}, {"$defs", Form::map_of_schemas},
    {"definitions", Form::map_of_schemas}, {"dependentRequired", Form::map_of_names},
    {"required", Form::names}, {"enum", Form::list}, {"minimum", Form::number},
    {"maximum", Form::number}, {"exclusiveMinimum", Form::number},
    {"exclusiveMaximum", Form::number}, {"multipleOf", Form::number}, {"minLength", Form::number},
    {"maxLength", Form::number}, {"minItems", Form::number}, {"maxItems", Form::number},
    {"minContains", Form::number}, {"maxContains", Form::number},
    {"minProperties", Form::number}, {"maxProperties", Form::number}, {"pattern", Form::text},
    {"format", Form::text}};

bool are_names(const OrderedJson& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(), [](const OrderedJson& name) {
    return name.is_string();
  });
}

bool has_form(const OrderedJson& value, Form form) {
  switch (form) {
    case Form::schema: return value.is_object() || value.is_boolean();
    case Form::schemas:
    case Form::list: return value.is_array();
    case Form::map_of_schemas: return value.is_object();
    case Form::map_of_names:
      return value.is_object() && std::all_of(value.begin(), value.end(), are_names);
    case Form::names: return are_names(value);
    case Form::number: return value.is_number();
    case Form::text: return value.is_string();
  }
  return false;
}

// As a JSON pointer in a URI spells it.
std::string pointer_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '~') out += "~0";
    else if (c == '/') out += "~1";
    else if (c == '%') out += "%25";
    else out += c;
  }
  return out;
}

constexpr const char* kTypes[] = {"object", "array", "string", "number", "boolean", "null"};

OrderedJson other_types(const OrderedJson& given) {
  std::set<std::string> named;
  const OrderedJson list = given.is_array() ? given : OrderedJson::array({given});
  for (const OrderedJson& type : list) {
    if (type.is_string()) named.insert(type.get<std::string>());
  }
  // Numbers that are not whole are given up with the whole ones.
  if (named.contains("integer")) named.insert("number");
  OrderedJson others = OrderedJson::array();
  for (const char* type : kTypes) {
    if (!named.contains(type)) others.push_back(type);
  }
  return others;
}

// A bound and the one that begins where it ends.
struct Opposite {
  const char* keyword;
  const char* type;
  const char* other;
  int step;
};
constexpr Opposite kOpposites[] = {{"minimum", "number", "exclusiveMaximum", 0},
                                   {"maximum", "number", "exclusiveMinimum", 0},
                                   {"exclusiveMinimum", "number", "maximum", 0},
                                   {"exclusiveMaximum", "number", "minimum", 0},
                                   {"minLength", "string", "maxLength", -1},
                                   {"maxLength", "string", "minLength", 1},
                                   {"minItems", "array", "maxItems", -1},
                                   {"maxItems", "array", "minItems", 1}};

OrderedJson not_named(const std::string& name) {
  return {{"type", "object"}, {"properties", {{name, false}}}};
}

// What one keyword forbids is allowed by one of these.
OrderedJson negated_keyword(const std::string& keyword, const OrderedJson& value,
                            const SchemaError& error) {
  OrderedJson ways = OrderedJson::array();
  if (keyword == "type") {
    ways.push_back({{"type", other_types(value)}});
  } else if (keyword == "enum") {
    ways.push_back({{kNotEnum, value}});
  } else if (keyword == kNotEnum) {
    ways.push_back({{"enum", value}});
  } else if (keyword == "pattern") {
    ways.push_back({{"type", "string"}, {kNotPattern, value}});
  } else if (keyword == "required") {
    for (const OrderedJson& name : value) {
      ways.push_back(not_named(name.get<std::string>()));
    }
  } else if (keyword == "properties") {
    for (const auto& [name, part] : value.items()) {
      ways.push_back({{"type", "object"},
                      {"required", OrderedJson::array({name})},
                      {"properties", {{name, {{"not", part}}}}}});
    }
  } else if (keyword == "anyOf") {
    OrderedJson all = OrderedJson::array();
    for (const OrderedJson& part : value) all.push_back({{"not", part}});
    ways.push_back({{"allOf", all}});
  } else if (const auto* const found = std::find_if(
                 std::begin(kOpposites), std::end(kOpposites),
                 [&](const Opposite& one) { return keyword == one.keyword; });
             found != std::end(kOpposites)) {
    const bool is_count = found->step != 0;
    const bool is_small = value.is_number_integer() && std::fabs(value.get<double>()) < 0x1p53;
    if (is_count && !is_small) {
      error("has a 'not' of a '" + keyword + "' that is no whole number below 2^53");
    }
    OrderedJson bound = value;
    if (is_count) bound = value.get<int64_t>() + found->step;
    ways.push_back({{"type", found->type}, {found->other, bound}});
  } else if (is_assertion(keyword)) {
    error("has a 'not' of '" + keyword + "', which is not supported");
  }
  return ways;
}

OrderedJson negated(const OrderedJson& schema, const SchemaError& error) {
  if (schema.is_boolean()) return !schema.get<bool>();
  if (!schema.is_object()) error("has a 'not' of what is no schema");
  OrderedJson ways = OrderedJson::array();
  for (const auto& [keyword, value] : schema.items()) {
    for (OrderedJson& way : negated_keyword(keyword, value, error)) ways.push_back(std::move(way));
  }
  if (ways.empty()) return false;
  return ways.size() == 1 ? ways[0] : OrderedJson{{"anyOf", ways}};
}

OrderedJson taken(OrderedJson& schema, const char* keyword) {
  OrderedJson value = schema.value(keyword, OrderedJson(true));
  schema.erase(keyword);
  return value;
}

// For each property: it is not there, or what depends on it holds.
template <typename Consequence>
OrderedJson dependencies(const OrderedJson& given, const Consequence& consequence) {
  OrderedJson all = OrderedJson::array();
  for (const auto& [name, value] : given.items()) {
    all.push_back({{"anyOf", OrderedJson::array({OrderedJson{{"properties", {{name, false}}}},
                                                 consequence(name, value)})}});
  }
  return {{"allOf", all}};
}

}  // namespace

bool take_condition(OrderedJson& schema, OrderedJson& instead,
                    const std::function<OrderedJson(const OrderedJson&)>& flat,
                    const SchemaError& error) {
  if (schema.contains("not")) {
    instead = negated(flat(taken(schema, "not")), error);
  } else if (schema.contains("if")) {
    const OrderedJson asked = taken(schema, "if");
    const OrderedJson met = {
        {"allOf", OrderedJson::array({asked, taken(schema, "then")})}};
    const OrderedJson unmet = {
        {"allOf", OrderedJson::array({OrderedJson{{"not", asked}}, taken(schema, "else")})}};
    const bool says_nothing = met["allOf"][1] == true && unmet["allOf"][1] == true;
    instead = says_nothing ? OrderedJson(true)
                           : OrderedJson{{"anyOf", OrderedJson::array({met, unmet})}};
  } else if (schema.contains("dependentRequired")) {
    instead = dependencies(taken(schema, "dependentRequired"),
                           [](const std::string& name, const OrderedJson& others) {
      OrderedJson required = OrderedJson::array({name});
      for (const OrderedJson& other : others) required.push_back(other);
      return OrderedJson{{"required", required}};
    });
  } else if (schema.contains("dependentSchemas")) {
    instead = dependencies(taken(schema, "dependentSchemas"),
                           [](const std::string&, const OrderedJson& part) { return part; });
  } else {
    return false;
  }
  return true;
}

bool has_unevaluated(const OrderedJson& schema) {
  return std::any_of(std::begin(kUnevaluated), std::end(kUnevaluated),
                     [&](const auto& entry) { return schema.contains(entry.first); });
}

OrderedJson take_unevaluated(OrderedJson& schema) {
  OrderedJson out = OrderedJson::object();
  for (const auto& [keyword, closed] : kUnevaluated) {
    if (schema.is_object() && schema.contains(keyword)) out[keyword] = taken(schema, keyword);
  }
  return out;
}

void put_unevaluated(const OrderedJson& taken, OrderedJson& schema) {
  for (const auto& [keyword, part] : taken.items()) {
    if (schema.is_object()) schema[keyword] = part;
  }
}

void close_unevaluated(const OrderedJson& taken, OrderedJson& schema) {
  for (const auto& [keyword, closed] : kUnevaluated) {
    const bool is_open = schema.is_object() && !schema.contains(closed);
    if (is_open && taken.contains(keyword)) schema[closed] = taken[keyword];
  }
}

void check_form(const OrderedJson& schema, const SchemaError& error) {
  if (schema.is_boolean()) return;
  if (!schema.is_object()) error("has a part that is not an object");
  for (const auto& [keyword, form] : kForms) {
    const auto found = schema.find(std::string(keyword));
    if (found == schema.end()) continue;
    if (!has_form(*found, form)) {
      error("has a value for '" + std::string(keyword) + "' that JSON Schema does not allow there");
    }
    if (form == Form::schema) check_form(*found, error);
    if (form == Form::schemas || form == Form::map_of_schemas) {
      for (const OrderedJson& part : *found) check_form(part, error);
    }
  }
}

void for_each_part(OrderedJson& schema,
                   const std::function<void(OrderedJson& part, const std::string& place)>& visit) {
  if (!schema.is_object()) return;
  for (const auto& [keyword, form] : kForms) {
    const auto found = schema.find(std::string(keyword));
    if (found == schema.end()) continue;
    const std::string place = "/" + std::string(keyword);
    if (form == Form::schema) visit(*found, place);
    if (form != Form::schemas && form != Form::map_of_schemas) continue;
    for (const auto& [name, part] : found->items()) visit(part, place + "/" + pointer_name(name));
  }
}

bool is_assertion(std::string_view keyword) {
  return std::find(std::begin(kAssertions), std::end(kAssertions), keyword) !=
         std::end(kAssertions);
}

}  // namespace corvid::engine
