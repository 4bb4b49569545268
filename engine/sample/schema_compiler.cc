#include "engine/sample/schema_compiler.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "engine/sample/patch_walk.h"
#include "engine/sample/pattern.h"
#include "engine/sample/schema_logic.h"
#include "engine/sample/schema_reader.h"
#include "engine/text/jinja/value.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::engine {
namespace {

constexpr size_t kPropertiesMax = 256;
constexpr double kBoundMax = 1e9, kGapMin = 1e-6;
constexpr size_t kMinimalMax = 64 * 1024;
constexpr int32_t kNone = -1;  // a value that cannot be given

std::string json_quoted(std::string_view text) { return jinja::to_json(jinja::Value(text), {}); }

class SchemaCompiler : private SchemaReader {
 public:
  SchemaCompiler(Grammar& grammar, const ToolShape& shape, const CallForm& form)
      : SchemaReader(shape), grammar_(grammar), shape_(shape), is_xml_(form.xml) {}

  int32_t run() {
    OrderedJson top = flat(root());
    if (!top.is_object()) error("does not describe an object");
    for (const auto& [name, values] : shape_.offered) {
      if (!top.contains("properties") || !top["properties"].contains(name)) {
        error("has no argument '" + name + "' to offer values for");
      }
    }
    for (const auto& [name, path] : shape_.copied) check_copied(top, name, path);
    if (!top.contains("type")) top["type"] = "object";
    const Leaves leaves = leaves_of(top);
    if (leaves.empty()) return kNone;
    for (const OrderedJson& leaf : leaves) {
      if (type_text(leaf) != "object") error("does not describe an object");
    }
    if (leaves.size() == 1) return object(leaves.front(), 0, true);
    if (is_xml_) error("has alternatives for all arguments together, which tags cannot tell apart");
    return objects(leaves, 0, true);
  }

  int32_t run_value() { return value(root(), 0); }

 private:
  int32_t add_node(ValueNode node) {
    if (node.minimal.size() > kMinimalMax) {
      error("has a value that is above 64 KiB at its shortest");
    }
    return grammar_.add(std::move(node));
  }

  // --- values -----------------------------------------------------------------------------------

  int32_t value(const OrderedJson& schema, int depth) {
    if (depth > kNestingMax) {
      if (!refers() && !is_any_) error("is nested too deeply");
      return kNone;  // as deep as a recursive value goes
    }
    const std::string key = std::to_string(depth) + schema.dump();
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    const int32_t node = choice(leaves_of(schema), depth);
    known_[key] = node;
    return node;
  }

  void check_copied(const OrderedJson& top, const std::string& name, const std::string& path) {
    for (const std::string& each : {name, path}) {
      if (!top.contains("properties") || !top["properties"].contains(each) ||
          !top["properties"][each].is_object() ||
          type_text(top["properties"][each]) != "string") {
        error("has no argument '" + each + "' that is a string, to copy");
      }
    }
    if (required_of(top).contains(name)) error("requires '" + name + "', which is to be copied");
  }

  int32_t copied(int32_t plain) {
    ValueNode node;
    node.kind = ValueKind::copied;
    node.item = plain;
    node.closes = is_xml_;
    return add_node(std::move(node));
  }

  int32_t patch() {
    ValueNode node;
    node.kind = ValueKind::patch;
    node.closes = is_xml_;
    node.minimal = PatchWalk::shortest(!is_xml_);
    if (!is_xml_) node.minimal = '"' + node.minimal + '"';
    return grammar_.add(std::move(node));
  }

  // The node of an argument that copies, or that names what others copy from.
  int32_t with_sources(const std::string& name, int32_t index) {
    if (shape_.copied.contains(name)) return copied(index);
    if (shape_.patches.contains(name)) return patch();
    const bool is_name = std::any_of(shape_.copied.begin(), shape_.copied.end(),
                                     [&](const auto& entry) { return entry.second == name; });
    if (!is_name) return index;
    ValueNode node = grammar_.node(index);  // not the one that other arguments share
    node.names_source = true;
    return add_node(std::move(node));
  }

  // A value that stands alone between tags, where strings are not quoted.
  bool is_argument(int depth) const { return is_xml_ && depth == 1; }

  int32_t choice(const Leaves& leaves, int depth) {
    if (leaves.size() == 1 && type_text(leaves[0]).empty() && !leaves[0].contains("enum")) {
      check_keywords(leaves[0], {});
      return any(depth);
    }
    std::map<std::string, Leaves> groups;
    OrderedJson values = OrderedJson::array();
    for (const OrderedJson& leaf : leaves) {
      if (!leaf.contains("enum")) {
        groups[group(leaf)].push_back(leaf);
        continue;
      }
      if (!leaf["enum"].is_array()) error("needs a list for 'enum'");
      for (const OrderedJson& one : leaf["enum"]) {
        if (matches(leaf, one)) values.push_back(one);
      }
    }
    for (const OrderedJson& leaf : groups[""]) check_keywords(leaf, {});
    if (!groups[""].empty()) return any(depth);
    groups.erase("");
    for (const char* type : {"boolean", "null"}) add_values(groups[type], values);
    std::erase_if(groups, [](const auto& entry) { return entry.second.empty(); });
    const bool alone = groups.empty() || (groups.size() == 1 && values.empty());
    // Tags hold text alone, or JSON alone.
    const bool text_first = is_argument(depth) && groups.contains("string");
    const bool raw = is_argument(depth) && (alone || text_first || only_literals(groups));
    std::vector<int32_t> parts;
    const auto add = [&](int32_t node) {
      if (node >= 0) parts.push_back(node);
    };
    if (groups.contains("string")) add(strings(groups["string"], values, raw));
    if (text_first) return parts.empty() ? kNone : parts.front();
    for (const OrderedJson& leaf : without_narrower(groups["number"])) add(numeric(leaf));
    for (const OrderedJson& leaf : groups["array"]) add(array(leaf, depth));
    if (!groups["object"].empty()) add(objects(groups["object"], depth, false));
    add(literals(values, raw));
    return choice_of(parts);
  }

  int32_t choice_of(const std::vector<int32_t>& parts) {
    if (parts.size() < 2) return parts.empty() ? kNone : parts.front();
    ValueNode node;
    node.kind = ValueKind::choice;
    node.parts = parts;
    node.minimal = grammar_.node(parts.front()).minimal;
    for (const int32_t part : parts) {
      const std::string& text = grammar_.node(part).minimal;
      if (text.size() < node.minimal.size()) node.minimal = text;
    }
    return add_node(std::move(node));
  }

  // What boolean and null are allowed.
  void add_values(const Leaves& leaves, OrderedJson& values) const {
    for (const OrderedJson& leaf : leaves) {
      check_keywords(leaf, {kNotEnum});
      OrderedJson all = {true, false};
      if (leaf["type"] == "null") all = OrderedJson::array({nullptr});
      for (const OrderedJson& value : all) {
        if (matches(leaf, value)) values.push_back(value);
      }
    }
  }

  static bool only_literals(const std::map<std::string, Leaves>& groups) {
    return std::all_of(groups.begin(), groups.end(), [](const auto& entry) {
      return entry.first == "boolean" || entry.first == "null";
    });
  }

  // Any value, as deep as values go.
  int32_t any(int depth) {
    const OrderedJson flat_ones = {{"type", {"boolean", "null", "number", "string"}}};
    if (depth >= kNestingMax) return value(flat_ones, depth);
    const std::string key = std::to_string(depth) + "any";
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    is_any_ = true;
    Leaves leaves = leaves_of(flat_ones);
    leaves.push_back({{"type", "array"}, {"items", true}});
    leaves.push_back({{"type", "object"}, {"additionalProperties", true}});
    return known_[key] = choice(leaves, depth);
  }

  void add_text(ValueNode& node, const std::string& text, bool raw) const {
    if (text.size() > kMinimalMax) error("has a text above 64 KiB to choose from");
    if (!is_utf8(text) || (raw && text.find("</parameter>") != std::string::npos)) return;
    node.literals.add(raw ? text + std::string(kParameterEnd) : json_quoted(text), 0);
  }

  int32_t literals(const OrderedJson& values, bool raw) {
    ValueNode node;
    const std::string end(raw ? kParameterEnd : std::string_view());
    for (const OrderedJson& value : values) {
      if (value.is_string()) {
        add_text(node, value.get<std::string>(), raw);
        continue;
      }
      node.literals.add(json_text(value) + end, 0);
      // As templates print them in earlier calls.
      if (raw && value.is_boolean()) node.literals.add((value ? "True" : "False") + end, 0);
      if (raw && value.is_null()) node.literals.add("None" + end, 0);
    }
    return literal_node(std::move(node), raw);
  }

  int32_t literal_node(ValueNode node, bool raw) {
    if (node.literals.size() == 0) return kNone;
    node.minimal = node.literals.text(0);
    node.closes = raw;
    if (raw) node.minimal.resize(node.minimal.size() - kParameterEnd.size());
    return add_node(std::move(node));
  }

  // --- strings ----------------------------------------------------------------------------------

  // Takes over the strings among `values`.
  int32_t strings(const Leaves& leaves, OrderedJson& values, bool raw) {
    for (const OrderedJson& leaf : leaves) {
      check_keywords(leaf, {"minLength", "maxLength", "pattern", kNotEnum, kNotPattern});
    }
    const auto is_text = [](const OrderedJson& one) { return one.is_string(); };
    const bool beside = std::any_of(values.begin(), values.end(), is_text);
    const auto is_plain = [&](const OrderedJson& leaf) {
      return !leaf.contains("pattern") && !leaf.contains("minLength") &&
             !leaf.contains("maxLength") && !leaf.contains(kNotEnum) &&
             !leaf.contains(kNotPattern) && !has_format(leaf);
    };
    const auto plain = std::find_if(leaves.begin(), leaves.end(), is_plain);
    OrderedJson rest = OrderedJson::array();
    for (const OrderedJson& one : values) {
      if (!one.is_string()) rest.push_back(one);
    }
    if (plain != leaves.end()) {
      values = rest;
      return string(*plain, raw);
    }
    const OrderedJson& first = leaves.front();
    if (leaves.size() == 1 && !beside &&
        !has_any(first, {"pattern", "format", kNotEnum, kNotPattern})) {
      return string(first, raw);
    }
    const Writing writing = raw ? Writing::plain : Writing::json;
    Dfa all;
    const auto join = [&](const Dfa& dfa) { all = combined(all, dfa, Dfa::Combine::any); };
    for (const OrderedJson& leaf : leaves) join(string_dfa(leaf, writing));
    for (const OrderedJson& one : values) {
      if (one.is_string() && is_utf8(one.get_ref<const std::string&>())) {
        const auto& text = one.get_ref<const std::string&>();
        join(literal_dfa(text, writing, pattern_error(text)));
      }
    }
    values = rest;
    return pattern_node(all, raw);
  }

  int32_t pattern_node(const Dfa& content, bool raw) {
    ValueNode node;
    node.kind = ValueKind::pattern;
    node.dfa = raw ? Dfa::framed(content, "", kParameterEnd) : Dfa::framed(content, "\"", "\"");
    if (node.dfa.empty()) return kNone;
    node.minimal = node.dfa.shortest(0);
    node.closes = raw;
    if (raw) node.minimal.resize(node.minimal.size() - kParameterEnd.size());
    return add_node(std::move(node));
  }

  int32_t string(const OrderedJson& schema, bool raw) {
    ValueNode node;
    node.kind = raw ? ValueKind::raw : ValueKind::string;
    node.min = whole(schema, "minLength", 0);
    node.max = whole(schema, "maxLength", -1);
    if (schema.contains("maxLength") && node.max < 0) return kNone;
    if (node.max >= 0 && node.min > node.max) return kNone;
    if (node.min > 4096) error("has a 'minLength' above 4096");
    const auto characters = static_cast<size_t>(std::max<int64_t>(node.min, 0));
    node.minimal = std::string(characters, 'x');
    if (!raw) node.minimal = '"' + node.minimal + '"';
    node.closes = raw;
    return add_node(std::move(node));
  }

  // --- numbers ----------------------------------------------------------------------------------

  int32_t numeric(const OrderedJson& leaf) {
    check_keywords(leaf, {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
                          "multipleOf"});
    return leaf["type"] == "integer" || leaf.contains("multipleOf") ? integer(leaf) : number(leaf);
  }

  int32_t integer(const OrderedJson& schema) {
    ValueNode node;
    node.kind = ValueKind::integer;
    node.multiple = multiple_of(schema);
    node.min = whole(schema, "minimum", -kWholeMax);
    node.max = whole(schema, "maximum", kWholeMax);
    // Exclusive bounds that are whole move by one; others have been rounded inwards already.
    const auto exclusive = [&](const char* keyword, int64_t step) {
      const int64_t bound = whole(schema, keyword, 0);
      return bound + (schema[keyword].get<double>() == static_cast<double>(bound) ? step : 0);
    };
    if (schema.contains("exclusiveMinimum")) {
      node.min = std::max(node.min, exclusive("exclusiveMinimum", 1));
    }
    if (schema.contains("exclusiveMaximum")) {
      node.max = std::min(node.max, exclusive("exclusiveMaximum", -1));
    }
    // To multiples, inwards.
    const auto divided = [&](int64_t bound) { return bound / node.multiple * node.multiple; };
    node.min = divided(node.min) < node.min ? divided(node.min) + node.multiple : divided(node.min);
    node.max = divided(node.max) > node.max ? divided(node.max) - node.multiple : divided(node.max);
    if (node.min > node.max) return kNone;
    const int64_t nearest = std::clamp<int64_t>(0, node.min, node.max);
    node.minimal = std::to_string(nearest);
    return add_node(std::move(node));
  }

  int32_t number(const OrderedJson& schema) {
    ValueNode node;
    node.bounds = bounds(schema);
    const double low = node.bounds.low, high = node.bounds.high;
    if (std::isinf(low) && std::isinf(high)) {
      node.kind = ValueKind::number;
      node.minimal = "0";
      return add_node(std::move(node));
    }
    if (low > high || (low == high && !node.bounds.holds(low))) return kNone;
    if (low == high) return literals(OrderedJson::array({low}), false);
    const auto large = [](double bound) {
      return std::isfinite(bound) && std::fabs(bound) > kBoundMax;
    };
    if (large(low) || large(high) || high - low < kGapMin) {
      error("has bounds of a number above 1e9 or closer than 1e-6");
    }
    node.kind = ValueKind::decimal;
    node.minimal = decimal_rest(node.bounds, {});
    return add_node(std::move(node));
  }

  // --- lists and objects ------------------------------------------------------------------------

  int32_t array(const OrderedJson& schema, int depth) {
    check_keywords(schema, {"items", "prefixItems", "minItems", "maxItems", "uniqueItems",
                            "contains", "minContains", "maxContains"});
    if (schema.contains("contains")) return array(with_contained_first(schema), depth);
    ValueNode node;
    node.kind = ValueKind::array;
    node.min = whole(schema, "minItems", 0);
    node.max = whole(schema, "maxItems", -1);
    if (schema.contains("maxItems") && node.max < 0) return kNone;
    if (node.min > 1024) error("has a 'minItems' above 1024");
    const auto limit = [&](int64_t most) {
      node.max = node.max < 0 ? most : std::min(node.max, most);
    };
    const OrderedJson first = schema.value("prefixItems", OrderedJson::array());
    bool cut = false;
    for (const OrderedJson& part : first) {
      const int32_t item = cut ? kNone : value(part, depth + 1);
      cut = cut || item < 0;
      if (!cut) node.parts.push_back(item);
    }
    const auto count = static_cast<int64_t>(node.parts.size());
    if (cut) limit(count);
    const bool needs_more = !cut && (node.max < 0 || node.max > count);
    node.item = needs_more ? value(schema.value("items", OrderedJson(true)), depth + 1) : kNone;
    if (node.item < 0) limit(count);
    if (schema.value("uniqueItems", OrderedJson(false)) == true && (node.max < 0 || node.max > 1)) {
      if (node.min > 1) error("has 'uniqueItems' with 'minItems' above 1, which is not supported");
      limit(1);  // fewer than allowed, but never wrong
    }
    if (node.max >= 0 && node.min > node.max) return kNone;
    return finish_array(std::move(node));
  }

  int32_t finish_array(ValueNode node) {
    node.minimal = "[";
    for (int64_t i = 0; i < node.min; ++i) {
      if (i) node.minimal += ", ";
      node.minimal += grammar_.node(Grammar::item_of(node, i)).minimal;
      if (node.minimal.size() > kMinimalMax) break;  // add() says so
    }
    node.minimal += ']';
    return add_node(std::move(node));
  }

  // An argument that is narrowed to what was offered.
  int32_t offered(const OrderedJson& given, const std::vector<std::string>& values, bool raw) {
    const OrderedJson schema = flat(given);
    const std::string type =
        schema.contains("type") && schema["type"].is_string() ? schema["type"] : "string";
    if (type == "array") {
      check_keywords(schema, {"items", "minItems", "maxItems"});
      ValueNode node;
      node.kind = ValueKind::array;
      node.min = whole(schema, "minItems", 0);
      node.max = whole(schema, "maxItems", -1);
      node.item = offered(schema.value("items", OrderedJson::object()), values, false);
      if (node.item < 0) node.max = 0;
      return node.max >= 0 && node.min > node.max ? kNone : finish_array(std::move(node));
    }
    ValueNode node;
    for (const std::string& text : values) {
      if (type == "string") add_text(node, text, raw);
      if (type == "integer") {
        const OrderedJson number = parse_ordered(text);
        if (!number.is_number_integer()) continue;
        node.literals.add(number.dump() + std::string(raw ? kParameterEnd : ""), 0);
      }
    }
    if (type != "string" && type != "integer") error("cannot have values offered for a " + type);
    return literal_node(std::move(node), raw);
  }

  std::set<std::string> required_of(const OrderedJson& schema) const {
    std::set<std::string> required;
    for (const OrderedJson& name : schema.value("required", OrderedJson::array())) {
      if (name.is_string()) required.insert(name.get<std::string>());
    }
    return required;
  }

  int32_t object(OrderedJson schema, int depth, bool top) {
    check_keywords(schema, {"properties", "required", "additionalProperties", "propertyNames",
                            "minProperties", "maxProperties", "patternProperties"});
    std::set<std::string> required = required_of(schema);
    OrderedJson properties = schema.value("properties", OrderedJson::object());
    if (!properties.is_object() || properties.size() > kPropertiesMax) {
      error("has 'properties' that are not a map of at most 256");
    }
    const bool tags = top && is_xml_;
    if (properties.empty() && required.empty() && !tags && !top &&
        has_any(schema, {"additionalProperties", "propertyNames", "minProperties",
                         "patternProperties"}) &&
        (schema.value("additionalProperties", OrderedJson(true)) != false ||
         schema.contains("patternProperties"))) {
      return map(schema, depth);
    }
    for (const std::string& name : required) {
      if (properties.contains(name)) continue;
      if (top) error("requires '" + name + "', which it does not define");
      const OrderedJson others = schema.value("additionalProperties", OrderedJson(true));
      properties[name] = is_patterned(schema, name) ? OrderedJson(true) : others;
    }
    for (auto& [name, part] : properties.items()) {
      part = with_patterns(schema, name, part);
    }
    const auto count = static_cast<int64_t>(properties.size());
    if (whole(schema, "minProperties", 0) > static_cast<int64_t>(required.size()) ||
        whole(schema, "maxProperties", count) < count || schema.contains("propertyNames")) {
      error("limits the number or names of an object's properties, which is not supported");
    }
    ValueNode node;
    node.kind = tags ? ValueKind::tags : ValueKind::object;
    for (const auto& [name, part] : properties.items()) {
      const auto narrowed = shape_.offered.find(name);
      const bool narrow = top && narrowed != shape_.offered.end();
      int32_t index = narrow ? offered(part, narrowed->second, is_xml_) : value(part, depth + 1);
      if (top && index >= 0) index = with_sources(name, index);
      const bool needed = required.contains(name);
      if (index < 0 && needed) return kNone;
      if (index < 0) continue;
      if (tags && name.find_first_of("<>\n") != std::string::npos) {
        error("has an argument whose name does not fit into a tag");
      }
      const std::string key = tags ? "<parameter=" + name + ">\n" : json_quoted(name) + ": ";
      node.properties.push_back({key, index, needed});
    }
    if (tags && node.properties.size() > size_t{kTagsMax}) error("has more than 62 arguments");
    tags ? grammar_.finish_tags(node) : grammar_.finish_object(node);
    return add_node(std::move(node));
  }

  // Keys of any name: a reader keeps one of two that are the same.
  int32_t map(const OrderedJson& schema, int depth) {
    if (schema.contains("patternProperties")) return map(without_patterns(schema), depth);
    ValueNode node;
    node.kind = ValueKind::map;
    node.min = whole(schema, "minProperties", 0);
    node.max = whole(schema, "maxProperties", -1);
    if (node.min > 1) error("has a 'minProperties' above 1, which is not supported");
    const OrderedJson names = merge({{"type", "string"}},
                                    schema.value("propertyNames", OrderedJson(true)));
    node.key = value(names, depth + 1);
    node.item = value(schema.value("additionalProperties", OrderedJson(true)), depth + 1);
    if (node.key < 0 || node.item < 0) node.max = 0;
    if (node.max >= 0 && node.min > node.max) return kNone;
    node.minimal = "{}";
    if (node.min > 0) {
      node.minimal = "{" + grammar_.node(node.key).minimal + ": " +
                     grammar_.node(node.item).minimal + "}";
    }
    return add_node(std::move(node));
  }

  // Any of them, as long as what is written fits.
  int32_t either_object(const Leaves& leaves, int depth, bool top) {
    std::vector<int32_t> parts;
    for (const OrderedJson& leaf : leaves) {
      const int32_t index = object(leaf, depth, top);
      if (index >= 0) parts.push_back(index);
    }
    return choice_of(parts);
  }

  // Several objects: where each begins with the same property, its fixed texts tell them apart.
  int32_t objects(const Leaves& leaves, int depth, bool top) {
    if (leaves.size() == 1) return object(leaves.front(), depth, top);
    ValueNode node;
    node.kind = ValueKind::variants;
    for (const OrderedJson& leaf : leaves) {
      const int32_t index = object(leaf, depth, top);
      if (index < 0) continue;
      const ValueNode& part = grammar_.node(index);
      const bool fixed = part.kind == ValueKind::object && !part.properties.empty() &&
                         part.properties[0].required &&
                         grammar_.node(part.properties[0].value).kind == ValueKind::literals;
      if (!fixed) return either_object(leaves, depth, top);
      const LiteralTrie& texts = grammar_.node(part.properties[0].value).literals;
      for (int32_t i = 0; i < texts.size(); ++i) {
        const int32_t before = node.literals.size();
        if (!texts.text(i).starts_with('"')) return either_object(leaves, depth, top);
        node.literals.add("{" + part.properties[0].key + texts.text(i),
                          static_cast<int32_t>(node.parts.size()));
        if (node.literals.size() == before) return either_object(leaves, depth, top);
      }
      node.parts.push_back(index);
    }
    if (node.parts.empty()) return kNone;
    for (int32_t i = 0; i < node.literals.size(); ++i) {
      const auto target = static_cast<size_t>(node.literals.target(i));
      const std::string text = node.literals.text(i) +
                               grammar_.object_tail(grammar_.node(node.parts[target]), 1, true);
      if (node.minimal.empty() || text.size() < node.minimal.size()) node.minimal = text;
    }
    return add_node(std::move(node));
  }

  Grammar& grammar_;
  const ToolShape& shape_;
  const bool is_xml_;
  bool is_any_ = false;  // a part allows any value, which is as deep as values go
  std::map<std::string, int32_t> known_;  // nodes by depth and schema
};

}  // namespace

int32_t compile_schema(Grammar& grammar, const ToolShape& shape, const CallForm& form) {
  return SchemaCompiler(grammar, shape, form).run();
}

int32_t compile_value(Grammar& grammar, const ToolShape& shape, const CallForm& form) {
  return SchemaCompiler(grammar, shape, form).run_value();
}

}  // namespace corvid::engine
