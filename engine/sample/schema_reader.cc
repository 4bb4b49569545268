#include "engine/sample/schema_reader.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "engine/sample/schema_logic.h"
#include "engine/sample/schema_merge.h"
#include "engine/sample/schema_references.h"
#include "engine/text/jinja/value.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::engine {
namespace {

constexpr size_t kLeavesMax = 256;
constexpr int kPartsMax = 1 << 16;  // of anyOf and oneOf in all, references followed
constexpr int kNestedMax = 64;      // of them within each other at one place
constexpr int kComparedMax = 4;
constexpr int64_t kContainedMax = 16;

std::string json_quoted(std::string_view text) { return jinja::to_json(jinja::Value(text), {}); }

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Of a schema that names none, by its keywords; empty: any.
std::string implied_type(const OrderedJson& schema) {
  if (has_any(schema, {"properties", "required", "additionalProperties", "propertyNames",
                       "minProperties", "maxProperties", "patternProperties"})) {
    return "object";
  }
  if (has_any(schema, {"items", "prefixItems", "minItems", "maxItems", "uniqueItems",
                       "contains"})) {
    return "array";
  }
  if (has_any(schema, {"pattern", "minLength", "maxLength"})) return "string";
  const bool number = has_any(schema, {"minimum", "maximum", "exclusiveMinimum",
                                       "exclusiveMaximum", "multipleOf"});
  return number ? "number" : "";
}

std::string type_of(const OrderedJson& value) {
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "boolean";
  if (value.is_null()) return "null";
  if (value.is_array()) return "array";
  return value.is_object() ? "object" : "number";
}

// The schema for values of one type: keywords of other types say nothing then.
OrderedJson only_for(const OrderedJson& schema, const std::string& type) {
  static const std::pair<const char*, std::vector<const char*>> kOwn[] = {
      {"object", {"properties", "required", "additionalProperties", "propertyNames",
                  "minProperties", "maxProperties", "patternProperties", "dependentRequired"}},
      {"array", {"items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains",
                 "minContains", "maxContains"}},
      {"string", {"pattern", "format", "minLength", "maxLength", kNotPattern}},
      {"number", {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}}};
  OrderedJson leaf = schema;
  leaf["type"] = type;
  for (const auto& [owner, keywords] : kOwn) {
    if (owner == type || (type == "integer" && std::string_view(owner) == "number")) continue;
    for (const char* keyword : keywords) leaf.erase(keyword);
  }
  if (!leaf.contains(kNotEnum)) return leaf;
  OrderedJson forbidden = OrderedJson::array();
  for (const OrderedJson& value : leaf[kNotEnum]) {
    const bool is_number = type == "integer" && value.is_number();
    if (type_of(value) == type || is_number) forbidden.push_back(value);
  }
  leaf.erase(kNotEnum);
  if (!forbidden.empty()) leaf[kNotEnum] = forbidden;
  return leaf;
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

SchemaReader::SchemaReader(const ToolShape& shape) : shape_(shape) {
  auto root = std::make_shared<OrderedJson>(parse_ordered(shape.schema));
  if (!root->is_object()) error("is not a JSON object");
  check_form(*root, [this](const std::string& what) { error(what); });
  localise_references(*root);
  root_ = std::move(root);
}

void SchemaReader::error(const std::string& what) const {
  const std::string whose =
      shape_.name.empty() ? "the schema " : "tool '" + shape_.name + "': its schema ";
  fail(Code::invalid, whose + what);
}

OrderedJson SchemaReader::flat(const OrderedJson& schema) {
  return flat_schema(schema, *root_, refers_, [this](const std::string& what) { error(what); });
}
OrderedJson SchemaReader::merge(const OrderedJson& a, const OrderedJson& b) {
  return flat(merge_schemas(a, b, [this](const std::string& what) { error(what); }));
}

void SchemaReader::check_keywords(const OrderedJson& schema,
                                  std::initializer_list<std::string_view> known) const {
  for (const auto& [keyword, value] : schema.items()) {
    const bool asserts = is_assertion(keyword) && !is_one_of(keyword, {"type", "enum"});
    if (!asserts || is_one_of(keyword, known)) continue;
    if (keyword == kNotEnum) {
      error("has a 'not' of values that are no text, which is not supported");
    }
    error("has the keyword '" + keyword + "', which is not supported here");
  }
}

int64_t SchemaReader::whole(const OrderedJson& schema, const char* keyword,
                            int64_t otherwise) const {
  const auto found = schema.find(keyword);
  if (found == schema.end()) return otherwise;
  if (!found->is_number()) error(std::string("needs a number for '") + keyword + "'");
  const double value = found->get<double>();
  const std::string_view name = keyword;
  const bool lower = name.starts_with("min") || name.starts_with("exclusiveMin");
  // Out of reach: one that all whole numbers keep, or that none does.
  constexpr double kMost = static_cast<double>(kWholeMax);
  if (value > kMost) return lower ? kWholeMax + 1 : kWholeMax;
  if (value < -kMost) return lower ? -kWholeMax : -kWholeMax - 1;
  // Bounds between two whole numbers: inwards.
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
    const OrderedJson unevaluated = take_unevaluated(rest);
    std::vector<Leaves> all;
    if (++nested_ > kNestedMax) error("refers to itself without end");
    for (const OrderedJson& part : parts) {
      if (++parts_ > kPartsMax) error("has too many alternatives");
      add_leaves(merge(rest, flat(part)), all.emplace_back());
    }
    if (std::string_view(keyword) == "oneOf") exclude_others(rest, parts, all);
    for (Leaves& some : all) {
      for (OrderedJson& leaf : some) {
        if (leaf.contains("type") && leaf["type"].is_string()) {
          close_unevaluated(unevaluated, leaf);
          leaf = only_for(leaf, leaf["type"]);
        } else {
          put_unevaluated(unevaluated, leaf);
        }
        leaves.push_back(std::move(leaf));
      }
    }
    --nested_;
    if (leaves.size() > kLeavesMax) error("has too many alternatives");
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

std::string SchemaReader::type_text(const OrderedJson& leaf) {
  const auto found = leaf.find("type");
  return found != leaf.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string SchemaReader::group(const OrderedJson& leaf) {
  const std::string type = type_text(leaf);
  return type == "integer" ? "number" : type;
}

// For oneOf, what `parts` allow beside `rest` being in `all`: a value that two of them allow is not
// allowed.
void SchemaReader::exclude_others(const OrderedJson& rest, const OrderedJson& parts,
                                  std::vector<Leaves>& all) {
  const std::vector<Leaves> plain = all;
  for (size_t i = 0; i < all.size(); ++i) {
    OrderedJson narrowed = merge(rest, flat(parts[i]));
    bool overlaps = false;
    for (size_t j = 0; j < all.size(); ++j) {
      if (i == j || are_apart(plain[i], plain[j])) continue;
      narrowed = merge(narrowed, flat({{"not", parts[j]}}));
      overlaps = true;
    }
    if (!overlaps) continue;
    all[i].clear();
    add_leaves(narrowed, all[i]);
  }
}

bool SchemaReader::are_apart(const Leaves& some, const Leaves& others) {
  return std::all_of(some.begin(), some.end(), [&](const OrderedJson& a) {
    return std::all_of(others.begin(), others.end(), [&](const OrderedJson& b) {
      const OrderedJson& with_enum = a.contains("enum") ? a : b;
      if (with_enum.contains("enum")) {
        return are_values_outside(with_enum["enum"], a.contains("enum") ? b : a);
      }
      if (group(a) != group(b)) return !group(a).empty() && !group(b).empty();
      return group(a) == "object" && never_fits(a, b) && never_fits(b, a);
    });
  });
}

bool SchemaReader::are_values_outside(const OrderedJson& values, const OrderedJson& leaf) const {
  return std::all_of(values.begin(), values.end(), [&](const OrderedJson& value) {
    if (leaf.contains("enum")) {
      return std::find(leaf["enum"].begin(), leaf["enum"].end(), value) == leaf["enum"].end();
    }
    return !group(leaf).empty() && group(leaf) != type_of(value);
  });
}

// Whether what is written for `written`, with its own properties alone, never fits `other`.
bool SchemaReader::never_fits(const OrderedJson& written, const OrderedJson& other) {
  if (compared_ >= kComparedMax) return false;  // it may be recursive
  const auto list = [](const OrderedJson& leaf, const char* keyword) {
    return leaf.value(keyword, OrderedJson::array());
  };
  const auto holds = [](const OrderedJson& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const OrderedJson own = written.value("properties", OrderedJson::object());
  const OrderedJson others = other.value("properties", OrderedJson::object());
  const OrderedJson must = list(written, "required");
  const bool has_any_names = own.empty() && must.empty();
  for (const OrderedJson& name : list(other, "required")) {
    if (!has_any_names && name.is_string() && !own.contains(name.get<std::string>()) &&
        !holds(must, name)) {
      return true;
    }
  }
  for (const OrderedJson& name : must) {
    if (!name.is_string()) continue;
    const auto key = name.get<std::string>();
    if (others.contains(key)) {
      ++compared_;
      const bool apart =
          own.contains(key) && are_apart(leaves_of(own[key]), leaves_of(others[key]));
      --compared_;
      if (apart) return true;
    } else if (other.value("additionalProperties", OrderedJson(true)) == false &&
               !other.contains("patternProperties")) {
      return true;
    }
  }
  return false;
}

// Whether a value of an enum is allowed by the keywords beside it.
bool SchemaReader::matches(const OrderedJson& schema, const OrderedJson& value) const {
  check_keywords(schema, {"minLength", "maxLength", "pattern", "minimum", "maximum",
                          "exclusiveMinimum", "exclusiveMaximum", "multipleOf", kNotEnum,
                          kNotPattern});
  const OrderedJson forbidden = schema.value(kNotEnum, OrderedJson::array());
  if (std::find(forbidden.begin(), forbidden.end(), value) != forbidden.end()) return false;
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
    const bool divides = !schema.contains("multipleOf") ||
                         Decimal::read(value.dump()).is_multiple_of(step_of(schema));
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
  for (const char* keyword : {"pattern", "format", kNotPattern}) {
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
      Dfa dfa = pattern_dfa(pattern, writing, pattern_error(text));
      if (std::string_view(keyword) == kNotPattern) {
        dfa = combined(any_text_dfa(writing, pattern_error("")), dfa, Dfa::Combine::without);
      }
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
  if (!dfa) dfa = any_text_dfa(writing, pattern_error(""));
  for (const OrderedJson& value : schema.value(kNotEnum, OrderedJson::array())) {
    if (!value.is_string() || !is_utf8(value.get_ref<const std::string&>())) continue;
    const auto& text = value.get_ref<const std::string&>();
    dfa = combined(*dfa, literal_dfa(text, writing, pattern_error(text)), Dfa::Combine::without);
  }
  return *dfa;
}

bool SchemaReader::is_matched(const std::string& pattern, const std::string& text) const {
  return is_utf8(text) && matches({{"type", "string"}, {"pattern", pattern}}, text);
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

Decimal SchemaReader::step_of(const OrderedJson& schema) const {
  const OrderedJson& step = schema["multipleOf"];
  if (!step.is_number() || step.get<double>() <= 0) error("has a 'multipleOf' that is not above 0");
  return Decimal::read(step.dump());
}

int64_t SchemaReader::multiple_of(const OrderedJson& schema) const {
  if (!schema.contains("multipleOf")) return 1;
  const int64_t whole = step_of(schema).whole_multiple(1 << 24);
  if (whole == 0) error("has a 'multipleOf' without a whole multiple to 2^24");
  return whole;
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

SchemaReader::Leaves SchemaReader::without_narrower(const Leaves& leaves) {
  for (const OrderedJson& leaf : leaves) {
    const bool narrows = has_any(leaf, {"minimum", "maximum", "exclusiveMinimum",
                                        "exclusiveMaximum", "multipleOf", kNotEnum});
    if (!narrows && leaf["type"] == "number") return {leaf};
  }
  return leaves;
}

bool SchemaReader::has_format(const OrderedJson& leaf) {
  if (!leaf.contains("format")) return false;
  return !leaf["format"].is_string() || !format_pattern(leaf["format"].get<std::string>()).empty();
}

OrderedJson SchemaReader::with_contained_first(OrderedJson schema) {
  const OrderedJson wanted = schema["contains"];
  const int64_t least = whole(schema, "minContains", 1), most = whole(schema, "maxContains", -1);
  const bool has_most = schema.contains("maxContains");
  for (const char* keyword : {"contains", "minContains", "maxContains"}) schema.erase(keyword);
  if (least > kContainedMax) error("has a 'minContains' above 16");
  OrderedJson first = schema.value("prefixItems", OrderedJson::array());
  for (int64_t i = 0; i < least; ++i) {
    const auto index = static_cast<size_t>(i);
    if (index == first.size()) first.push_back(schema.value("items", OrderedJson(true)));
    first[index] = {{"allOf", OrderedJson::array({first[index], wanted})}};
  }
  if (least > 0) schema["prefixItems"] = first;
  schema["minItems"] = std::max(least, whole(schema, "minItems", 0));
  if (has_most) {
    const bool is_limited = schema.contains("maxItems");
    schema["maxItems"] = is_limited ? std::min(most, whole(schema, "maxItems", 0)) : most;
  }
  return schema;
}

OrderedJson SchemaReader::with_patterns(const OrderedJson& schema, const std::string& name,
                                        OrderedJson part) const {
  const OrderedJson patterns = schema.value("patternProperties", OrderedJson::object());
  for (const auto& [pattern, other] : patterns.items()) {
    if (is_matched(pattern, name)) part = {{"allOf", OrderedJson::array({part, other})}};
  }
  return part;
}

bool SchemaReader::is_patterned(const OrderedJson& schema, const std::string& name) const {
  const OrderedJson patterns = schema.value("patternProperties", OrderedJson::object());
  const auto items = patterns.items();
  return std::any_of(items.begin(), items.end(), [&](const auto& entry) {
    return is_matched(entry.key(), name);
  });
}

OrderedJson SchemaReader::without_patterns(OrderedJson schema) {
  const OrderedJson patterns = schema["patternProperties"];
  schema.erase("patternProperties");
  OrderedJson names = {{"type", "string"}};
  OrderedJson others = OrderedJson::array();
  for (const auto& [pattern, part] : patterns.items()) others.push_back(pattern);
  if (others.empty()) return schema;
  if (schema.value("additionalProperties", OrderedJson(true)) == false) {
    names["pattern"] = others.front();
    schema["additionalProperties"] = patterns.front();
    others.erase(0);
  }
  if (!others.empty()) names[kNotPattern] = others;
  schema["propertyNames"] = merge(names, flat(schema.value("propertyNames", OrderedJson(true))));
  return schema;
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
