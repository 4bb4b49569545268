#include "engine/sample/schema_merge.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <set>
#include <string_view>

#include "engine/sample/schema_logic.h"
#include "runtime/base/json.h"

namespace corvid::engine {
namespace {

constexpr int kHopsMax = 64;  // of references and allOf within one schema
constexpr size_t kProductsMax = 256;
constexpr const char* kResolved[] = {"$ref", "allOf", "const", "not", "if", "dependentRequired",
                                     "dependentSchemas"};

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::set<std::string> types_of(const OrderedJson& type) {
  std::set<std::string> types;
  if (type.is_string()) types.insert(type.get<std::string>());
  for (size_t i = 0; type.is_array() && i < type.size(); ++i) {
    if (type[i].is_string()) types.insert(type[i].get<std::string>());
  }
  return types;
}

OrderedJson merged_types(const OrderedJson& a, const OrderedJson& b) {
  const std::set<std::string> left = types_of(a), right = types_of(b);
  OrderedJson both = OrderedJson::array();
  for (const std::string& type : left) {
    if (right.contains(type) || (type == "integer" && right.contains("number"))) {
      both.push_back(type);
    } else if (type == "number" && right.contains("integer")) {
      both.push_back("integer");
    }
  }
  return both;
}

OrderedJson common_values(const OrderedJson& a, const OrderedJson& b) {
  OrderedJson both = OrderedJson::array();
  for (const OrderedJson& value : a) {
    if (std::find(b.begin(), b.end(), value) != b.end()) both.push_back(value);
  }
  return both;
}

// Each part once, so that what is met again on a recursive path does not grow.
OrderedJson all_of(const OrderedJson& a, const OrderedJson& b) {
  OrderedJson parts = OrderedJson::array();
  const auto add = [&parts](const OrderedJson& part) {
    if (std::find(parts.begin(), parts.end(), part) == parts.end()) parts.push_back(part);
  };
  for (const OrderedJson* side : {&a, &b}) {
    const bool is_list = side->is_object() && side->size() == 1 && side->contains("allOf") &&
                         side->front().is_array();
    if (!is_list) add(*side);
    else std::for_each(side->front().begin(), side->front().end(), add);
  }
  return parts.size() == 1 ? parts[0] : OrderedJson{{"allOf", parts}};
}

// A list of patterns or formats; a single one is a list of one.
OrderedJson joined(const OrderedJson& a, const OrderedJson& b) {
  OrderedJson list = OrderedJson::array();
  for (const OrderedJson* part : {&a, &b}) {
    if (!part->is_array()) list.push_back(*part);
    else list.insert(list.end(), part->begin(), part->end());
  }
  return list;
}

// Every choice of one beside every choice of the other.
OrderedJson products(const OrderedJson& a, const OrderedJson& b, const SchemaError& error) {
  if (a.size() * b.size() > kProductsMax) error("has too many alternatives");
  OrderedJson list = OrderedJson::array();
  for (const OrderedJson& x : a) {
    for (const OrderedJson& y : b) list.push_back(all_of(x, y));
  }
  return list;
}

// What `closed`, with its additionalProperties, says of properties that `other` alone names.
void close_properties(const OrderedJson& closed, const OrderedJson& other,
                      OrderedJson& properties) {
  const auto rest = closed.find("additionalProperties");
  if (rest == closed.end() || *rest == true) return;
  const OrderedJson own = closed.value("properties", OrderedJson::object());
  const OrderedJson others = other.value("properties", OrderedJson::object());
  for (const auto& [name, part] : others.items()) {
    if (!own.contains(name)) properties[name] = all_of(part, *rest);
  }
}

OrderedJson merged_properties(const OrderedJson& a, const OrderedJson& b) {
  OrderedJson properties = a.value("properties", OrderedJson::object());
  const OrderedJson more = b.value("properties", OrderedJson::object());
  for (const auto& [name, part] : more.items()) {
    properties[name] = properties.contains(name) ? all_of(properties[name], part) : part;
  }
  close_properties(a, b, properties);
  close_properties(b, a, properties);
  return properties;
}

// What a schema says of item `index`.
OrderedJson item_schema(const OrderedJson& schema, size_t index) {
  const OrderedJson first = schema.value("prefixItems", OrderedJson::array());
  return index < first.size() ? first[index] : schema.value("items", OrderedJson(true));
}

void merge_items(const OrderedJson& a, const OrderedJson& b, OrderedJson& merged) {
  const auto count = [](const OrderedJson& x) {
    return x.value("prefixItems", OrderedJson::array()).size();
  };
  const size_t first = std::max(count(a), count(b));
  for (size_t i = 0; i < first; ++i) {
    if (i == 0) merged["prefixItems"] = OrderedJson::array();
    merged["prefixItems"].push_back(all_of(item_schema(a, i), item_schema(b, i)));
  }
  if (a.contains("items") || b.contains("items")) {
    merged["items"] = all_of(item_schema(a, first), item_schema(b, first));
  }
}

// Where patterns name properties, a closed schema forbids what only the other's patterns name.
void check_patterns(const OrderedJson& a, const OrderedJson& b, const SchemaError& error) {
  const auto patterns = [](const OrderedJson& x) {
    return x.value("patternProperties", OrderedJson::object());
  };
  const auto is_closed = [](const OrderedJson& x) {
    return x.value("additionalProperties", OrderedJson(true)) != true;
  };
  if (patterns(a) != patterns(b) && (is_closed(a) || is_closed(b))) {
    error("has 'patternProperties' beside the 'additionalProperties' of another part, which is not "
          "supported");
  }
}

void check_contains(const OrderedJson& a, const OrderedJson& b, const SchemaError& error) {
  if (!a.contains("contains") || !b.contains("contains")) return;
  for (const char* keyword : {"contains", "minContains", "maxContains"}) {
    if (a.value(keyword, OrderedJson()) != b.value(keyword, OrderedJson())) {
      error("says 'contains' twice, which is not supported");
    }
  }
}

OrderedJson merged_patterns(const OrderedJson& a, const OrderedJson& b) {
  OrderedJson merged = a;
  for (const auto& [pattern, part] : b.items()) {
    merged[pattern] = merged.contains(pattern) ? all_of(merged[pattern], part) : part;
  }
  return merged;
}

bool is_number(const OrderedJson& a, const OrderedJson& b) {
  return a.is_number() && b.is_number();
}

OrderedJson merged_keyword(const std::string& name, const OrderedJson& a, const OrderedJson& b,
                           const SchemaError& error) {
  if (a == b) return a;
  if (name == "type") return merged_types(a, b);
  if (name == "enum") return common_values(a, b);
  if (name == "additionalProperties" || name == "propertyNames") return all_of(a, b);
  if (is_one_of(name, {"pattern", "format", "required", kNotEnum, kNotPattern})) {
    return joined(a, b);
  }
  if (name == "patternProperties") return merged_patterns(a, b);
  if (name == "anyOf") return products(a, b, error);
  if (name == "uniqueItems") return true;
  const bool low = is_one_of(name, {"minimum", "exclusiveMinimum", "minLength", "minItems",
                                    "minProperties"});
  const bool high = is_one_of(name, {"maximum", "exclusiveMaximum", "maxLength", "maxItems",
                                     "maxProperties"});
  if (low && is_number(a, b)) return a.get<double>() > b.get<double>() ? a : b;
  if (high && is_number(a, b)) return a.get<double>() < b.get<double>() ? a : b;
  const bool whole = a.is_number_integer() && b.is_number_integer();
  if (name == "multipleOf" && whole && a.get<int64_t>() > 0 && b.get<int64_t>() > 0 &&
      a.get<int64_t>() < (1 << 24) && b.get<int64_t>() < (1 << 24)) {
    return std::lcm(a.get<int64_t>(), b.get<int64_t>());
  }
  if (!is_assertion(name)) return a;
  error("says '" + name + "' twice, which is not supported");
  return a;
}

// "~1" and "~0" of a pointer, "%xx" of a URI.
std::string plain_name(std::string_view token) {
  std::string name;
  for (size_t i = 0; i < token.size(); ++i) {
    int value = 0;
    const auto* const digits = token.data() + i + 1;
    if (token[i] == '%' && i + 2 < token.size() &&
        std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      name += static_cast<char>(value);
      i += 2;
    } else if (token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' ||
                                                           token[i + 1] == '1')) {
      name += token[++i] == '0' ? '~' : '/';
    } else {
      name += token[i];
    }
  }
  return name;
}

const OrderedJson* seek(const OrderedJson& root, std::string_view reference) {
  if (!reference.starts_with('#')) return nullptr;
  const OrderedJson* at = &root;
  for (reference.remove_prefix(1); !reference.empty();) {
    if (reference[0] != '/') return nullptr;
    const size_t end = std::min(reference.find('/', 1), reference.size());
    const std::string name = plain_name(reference.substr(1, end - 1));
    reference.remove_prefix(end);
    if (at->is_object() && at->contains(name)) {
      at = &at->at(name);
    } else {
      size_t index = 0;
      const bool good = std::from_chars(name.data(), name.data() + name.size(), index).ptr ==
                        name.data() + name.size();
      if (!at->is_array() || !good || index >= at->size()) return nullptr;
      at = &at->at(index);
    }
  }
  return at;
}

// References followed in one schema.
struct Path {
  const OrderedJson& root;
  const SchemaError& error;
  bool& refers;
  int hops = 0;
};

OrderedJson flat(OrderedJson schema, Path& path) {
  const SchemaError& error = path.error;
  const auto is_open = [](const OrderedJson& x) {
    return std::any_of(std::begin(kResolved), std::end(kResolved),
                       [&](const char* keyword) { return x.contains(keyword); });
  };
  const auto resolve = [&path](const OrderedJson& part) { return flat(part, path); };
  while (schema.is_object() && is_open(schema)) {
    if (++path.hops > kHopsMax) error("refers to itself without end");
    OrderedJson rest = schema, more = true;
    OrderedJson unevaluated = take_unevaluated(rest);
    if (schema.contains("$ref")) {
      const OrderedJson reference = schema["$ref"];
      const OrderedJson* found =
          reference.is_string() ? seek(path.root, reference.get_ref<const std::string&>())
                                : nullptr;
      if (found == nullptr) error("has a '$ref' to " + reference.dump() + ", which is not in it");
      check_form(*found, error);  // it may be no part of a schema
      rest.erase("$ref");
      more = *found;
      path.refers = true;
    } else if (schema.contains("const")) {
      more = {{"enum", OrderedJson::array({schema["const"]})}};
      rest.erase("const");
    } else if (take_condition(rest, more, resolve, error)) {
      // What a condition names is not evaluated by it in every case: the rest is closed without.
      put_unevaluated(unevaluated, rest);
      unevaluated.clear();
      rest = resolve(rest);
    } else {
      const OrderedJson parts = schema["allOf"];
      if (!parts.is_array()) error("needs a list for 'allOf'");
      rest.erase("allOf");
      for (const OrderedJson& part : parts) {
        more = merge_schemas(more, resolve(part), error);
      }
    }
    rest.erase("$defs");
    rest.erase("definitions");
    schema = merge_schemas(rest, resolve(more), error);
    if (!unevaluated.empty() && has_unevaluated(schema)) {
      error("has 'unevaluatedProperties' or 'unevaluatedItems' twice, which is not supported");
    }
    put_unevaluated(unevaluated, schema);
  }
  if (!schema.is_object() || schema.contains("anyOf") || schema.contains("oneOf")) return schema;
  const OrderedJson unevaluated = take_unevaluated(schema);
  close_unevaluated(unevaluated, schema);
  return schema;
}

}  // namespace

OrderedJson merge_schemas(const OrderedJson& a, const OrderedJson& b, const SchemaError& error) {
  const auto is_open = [](const OrderedJson& x) {
    return x == true || (x.is_object() && x.empty());
  };
  if (is_open(a)) return b;
  if (is_open(b)) return a;
  if (a == false || b == false) return false;
  if (!a.is_object() || !b.is_object()) error("has a part that is not an object");
  if (has_unevaluated(a) || has_unevaluated(b)) {
    error("has 'unevaluatedProperties' or 'unevaluatedItems' with alternatives in a part of "
          "another schema, which is not supported");
  }
  check_patterns(a, b, error);
  check_contains(a, b, error);
  OrderedJson merged = a;
  for (const auto& [name, value] : b.items()) {
    if (name == "properties" || name == "items" || name == "prefixItems") continue;
    if (name == "oneOf" && merged.contains(name)) {
      error("has two 'oneOf' together, which is not supported");
    }
    merged[name] = merged.contains(name) ? merged_keyword(name, merged[name], value, error) : value;
  }
  if (a.contains("properties") || b.contains("properties")) {
    merged["properties"] = merged_properties(a, b);
  }
  merge_items(a, b, merged);
  return merged;
}

OrderedJson flat_schema(const OrderedJson& schema, const OrderedJson& root, bool& refers,
                        const SchemaError& error) {
  Path path{root, error, refers};
  return flat(schema, path);
}

}  // namespace corvid::engine
