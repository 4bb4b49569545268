#include "engine/sample/grammar.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "engine/text/jinja/value.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::engine {

void LiteralTrie::add(std::string_view text, int32_t target) {
  int32_t at = 0;
  const int32_t literal = size();
  for (char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    int32_t next = step(at, byte);
    if (next < 0) {
      next = static_cast<int32_t>(nodes_.size());
      nodes_[static_cast<size_t>(at)].next.emplace_back(byte, next);
      nodes_.push_back({{}, node(at).depth + 1, -1, -1});
    }
    if (node(at).first < 0) nodes_[static_cast<size_t>(at)].first = literal;
    at = next;
  }
  Node& end = nodes_[static_cast<size_t>(at)];
  if (end.literal >= 0) return;
  end.literal = literal;
  if (end.first < 0) end.first = literal;
  texts_.emplace_back(text);
  targets_.push_back(target);
}

int32_t LiteralTrie::step(int32_t at, uint8_t byte) const {
  for (const auto& [key, next] : node(at).next) {
    if (key == byte) return next;
  }
  return -1;
}

bool LiteralTrie::passes(int32_t literal, int32_t at) const {
  const auto depth = static_cast<size_t>(node(at).depth);
  return text(literal).compare(0, depth, text(node(at).first), 0, depth) == 0;
}

std::string LiteralTrie::rest(int32_t literal, int32_t at) const {
  return text(literal).substr(static_cast<size_t>(node(at).depth));
}

namespace {

constexpr int64_t kWholeMax = 9007199254740991;  // 2^53 - 1: exact in every JSON reader
constexpr size_t kPropertiesMax = 256;

std::string json_quoted(std::string_view text) { return jinja::to_json(jinja::Value(text), {}); }

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

// One tool's schema. -1 stands for a value that cannot be given.
class SchemaCompiler {
 public:
  SchemaCompiler(Grammar& grammar, const ToolShape& shape, const CallForm& form)
      : grammar_(grammar), shape_(shape), is_xml_(form.xml) {}

  int32_t run() {
    const OrderedJson schema = OrderedJson::parse(shape_.schema, nullptr, false);
    if (!schema.is_object()) error("is not a JSON object");
    for (const auto& [name, values] : shape_.offered) {
      const auto properties = schema.find("properties");
      if (properties == schema.end() || !properties->contains(name)) {
        error("has no argument '" + name + "' to offer values for");
      }
    }
    OrderedJson top = schema;
    if (!top.contains("type")) top["type"] = "object";
    if (top["type"] != "object") error("does not describe an object");
    return object(top, 0, true);
  }

 private:
  [[noreturn]] void error(const std::string& what) const {
    fail(Code::invalid, "tool '" + shape_.name + "': its schema " + what);
  }

  void check_keywords(const OrderedJson& schema, std::initializer_list<std::string_view> known) {
    for (const auto& [keyword, value] : schema.items()) {
      const bool annotation =
          is_one_of(keyword, {"type", "title", "description", "default", "examples", "format",
                              "$schema", "$comment", "enum", "const"});
      if (!annotation && !is_one_of(keyword, known)) {
        error("has the keyword '" + keyword + "', which is not supported");
      }
    }
  }

  int64_t whole(const OrderedJson& schema, const char* keyword, int64_t otherwise) const {
    const auto found = schema.find(keyword);
    if (found == schema.end()) return otherwise;
    if (!found->is_number()) error(std::string("needs a number for '") + keyword + "'");
    const double value = found->get<double>();
    const bool large = std::fabs(value) > static_cast<double>(kWholeMax);
    if (large) return value < 0 ? -kWholeMax : kWholeMax;
    // Bounds between two whole numbers: inwards.
    const bool lower = std::string_view(keyword).starts_with("min") ||
                       std::string_view(keyword).starts_with("exclusiveMin");
    return static_cast<int64_t>(lower ? std::ceil(value) : std::floor(value));
  }

  int32_t value(const OrderedJson& schema, int depth) {
    if (!schema.is_object()) error("has a part that is not an object");
    if (depth > kNestingMax) error("is nested too deeply");
    if (const auto given = schema.find("const"); given != schema.end()) {
      return literals({*given}, is_argument(depth));
    }
    if (const auto given = schema.find("enum"); given != schema.end()) {
      if (!given->is_array()) error("needs a list for 'enum'");
      return literals(*given, is_argument(depth));
    }
    const auto type = schema.find("type");
    if (type == schema.end() || !type->is_string()) {
      error("has a part without a single 'type'");
    }
    const std::string name = type->get<std::string>();
    if (name == "object") return object(schema, depth, false);
    if (name == "array") return array(schema, depth);
    if (name == "string") return string(schema, is_argument(depth));
    if (name == "integer") return integer(schema);
    if (name == "number") return number(schema);
    if (name == "boolean") return literals({true, false}, is_argument(depth));
    if (name == "null") return literals({nullptr}, is_argument(depth));
    error("has the type '" + name + "', which is not supported");
  }

  // A value that stands alone between tags, where strings are not quoted.
  bool is_argument(int depth) const { return is_xml_ && depth == 1; }

  static void add_text(ValueNode& node, const std::string& text, bool raw) {
    if (!is_utf8(text) || (raw && text.find("</parameter>") != std::string::npos)) return;
    node.literals.add(raw ? text + std::string(kParameterEnd) : json_quoted(text), 0);
  }

  int32_t literals(const OrderedJson& values, bool raw) {
    ValueNode node;
    const std::string end(raw ? kParameterEnd : std::string_view());
    for (const OrderedJson& value : values) {
      if (value.is_structured()) error("has a list or object in 'enum' or 'const'");
      if (value.is_string()) {
        add_text(node, value.get<std::string>(), raw);
        continue;
      }
      node.literals.add(value.dump() + end, 0);
      // As templates print them in earlier calls.
      if (raw && value.is_boolean()) node.literals.add((value ? "True" : "False") + end, 0);
      if (raw && value.is_null()) node.literals.add("None" + end, 0);
    }
    return literal_node(std::move(node), raw);
  }

  int32_t literal_node(ValueNode node, bool raw) {
    if (node.literals.size() == 0) return -1;
    node.minimal = node.literals.text(0);
    node.closes = raw;
    if (raw) node.minimal.resize(node.minimal.size() - kParameterEnd.size());
    return grammar_.add(std::move(node));
  }

  int32_t string(const OrderedJson& schema, bool raw) {
    check_keywords(schema, {"minLength", "maxLength"});
    ValueNode node;
    node.kind = raw ? ValueKind::raw : ValueKind::string;
    node.min = whole(schema, "minLength", 0);
    node.max = whole(schema, "maxLength", -1);
    if (node.max >= 0 && node.min > node.max) return -1;
    if (node.min > 4096) error("has a 'minLength' above 4096");
    const auto characters = static_cast<size_t>(std::max<int64_t>(node.min, 0));
    node.minimal = std::string(characters, 'x');
    if (!raw) node.minimal = '"' + node.minimal + '"';
    node.closes = raw;
    return grammar_.add(std::move(node));
  }

  int32_t integer(const OrderedJson& schema) {
    check_keywords(schema, {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"});
    ValueNode node;
    node.kind = ValueKind::integer;
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
    if (node.min > node.max) return -1;
    const int64_t nearest = std::clamp<int64_t>(0, node.min, node.max);
    node.minimal = std::to_string(nearest);
    return grammar_.add(std::move(node));
  }

  int32_t number(const OrderedJson& schema) {
    check_keywords(schema, {});
    ValueNode node;
    node.kind = ValueKind::number;
    node.minimal = "0";
    return grammar_.add(std::move(node));
  }

  int32_t array(const OrderedJson& schema, int depth) {
    check_keywords(schema, {"items", "minItems", "maxItems"});
    if (!schema.contains("items")) error("has an array without 'items'");
    ValueNode node;
    node.kind = ValueKind::array;
    node.min = whole(schema, "minItems", 0);
    node.max = whole(schema, "maxItems", -1);
    if (node.min > 1024) error("has a 'minItems' above 1024");
    node.item = value(schema["items"], depth + 1);
    if (node.item < 0) node.max = 0;
    if (node.max >= 0 && node.min > node.max) return -1;
    return finish_array(std::move(node));
  }

  int32_t finish_array(ValueNode node) {
    node.minimal = "[";
    for (int64_t i = 0; i < node.min; ++i) {
      if (i) node.minimal += ", ";
      node.minimal += grammar_.node(node.item).minimal;
    }
    node.minimal += ']';
    return grammar_.add(std::move(node));
  }

  // An argument that is narrowed to what was offered.
  int32_t offered(const OrderedJson& schema, const std::vector<std::string>& values, bool raw) {
    const std::string type = schema.value("type", "string");
    if (type == "array") {
      check_keywords(schema, {"items", "minItems", "maxItems"});
      ValueNode node;
      node.kind = ValueKind::array;
      node.min = whole(schema, "minItems", 0);
      node.max = whole(schema, "maxItems", -1);
      node.item = offered(schema.value("items", OrderedJson::object()), values, false);
      if (node.item < 0) node.max = 0;
      return node.max >= 0 && node.min > node.max ? -1 : finish_array(std::move(node));
    }
    ValueNode node;
    for (const std::string& text : values) {
      if (type == "string") add_text(node, text, raw);
      if (type == "integer") {
        const OrderedJson number = OrderedJson::parse(text, nullptr, false);
        if (!number.is_number_integer()) continue;
        node.literals.add(number.dump() + std::string(raw ? kParameterEnd : ""), 0);
      }
    }
    if (type != "string" && type != "integer") error("cannot have values offered for a " + type);
    return literal_node(std::move(node), raw);
  }

  int32_t object(const OrderedJson& schema, int depth, bool top) {
    check_keywords(schema, {"properties", "required", "additionalProperties"});
    std::set<std::string> required;
    if (const auto names = schema.find("required"); names != schema.end()) {
      for (const OrderedJson& name : *names) {
        if (name.is_string()) required.insert(name.get<std::string>());
      }
    }
    ValueNode node;
    const bool tags = top && is_xml_;
    node.kind = tags ? ValueKind::tags : ValueKind::object;
    const OrderedJson properties = schema.value("properties", OrderedJson::object());
    if (!properties.is_object() || properties.size() > kPropertiesMax) {
      error("has 'properties' that are not a map of at most 256");
    }
    for (const auto& [name, part] : properties.items()) {
      const auto narrowed = shape_.offered.find(name);
      const bool narrow = top && narrowed != shape_.offered.end();
      const int32_t index =
          narrow ? offered(part, narrowed->second, is_xml_) : value(part, depth + 1);
      const bool needed = required.erase(name) > 0;
      if (index < 0 && needed) return -1;
      if (index < 0) continue;
      if (tags && name.find_first_of("<>\n") != std::string::npos) {
        error("has an argument whose name does not fit into a tag");
      }
      const std::string key = tags ? "<parameter=" + name + ">\n" : json_quoted(name) + ": ";
      node.properties.push_back({key, index, needed});
    }
    if (!required.empty()) error("requires '" + *required.begin() + "', which it does not define");
    if (tags && node.properties.size() > size_t{kTagsMax}) error("has more than 62 arguments");
    tags ? grammar_.finish_tags(node) : grammar_.finish_object(node);
    return grammar_.add(std::move(node));
  }

  Grammar& grammar_;
  const ToolShape& shape_;
  const bool is_xml_;
};

int32_t Grammar::add(ValueNode node) {
  nodes_.push_back(std::move(node));
  return static_cast<int32_t>(nodes_.size() - 1);
}

void Grammar::finish_object(ValueNode& node) const {
  const auto count = static_cast<int32_t>(node.properties.size());
  for (int32_t next = 0; next <= count; ++next) {
    for (bool any : {false, true}) {
      LiteralTrie trie;
      int32_t at = next;
      for (; at < count; ++at) {
        const Property& property = node.properties[static_cast<size_t>(at)];
        trie.add((any ? ", " : "") + property.key, at);
        if (property.required) break;
      }
      if (at == count) trie.add("}", kCloseObject);
      node.keys.push_back(std::move(trie));
    }
  }
  node.minimal = "{" + object_tail(node, 0, false);
}

std::string Grammar::object_tail(const ValueNode& object, int64_t next, bool any) const {
  std::string text;
  for (auto i = static_cast<size_t>(next); i < object.properties.size(); ++i) {
    const Property& property = object.properties[i];
    if (!property.required) continue;
    text += (any ? ", " : "") + property.key + node(property.value).minimal;
    any = true;
  }
  return text + "}";
}

void Grammar::finish_tags(ValueNode& node) const {
  const auto count = static_cast<int32_t>(node.properties.size());
  for (bool any : {false, true}) {
    LiteralTrie trie;
    const std::string before = any ? std::string(kParameterEnd) + "\n" : "";
    for (int32_t i = 0; i < count; ++i) {
      trie.add(before + node.properties[static_cast<size_t>(i)].key, i);
    }
    trie.add(before + "</function>", kCloseObject);
    std::vector<uint64_t>& reach = node.reach[any];
    for (int32_t literal = 0; literal < trie.size(); ++literal) {
      const int32_t target = trie.target(literal);
      const uint64_t bit = target == kCloseObject ? kEndBit : uint64_t{1} << target;
      int32_t at = 0;
      for (char c : trie.text(literal)) {
        at = trie.step(at, static_cast<uint8_t>(c));
        reach.resize(std::max(reach.size(), static_cast<size_t>(at) + 1));
        reach[static_cast<size_t>(at)] |= bit;
      }
    }
    node.keys.push_back(std::move(trie));
  }
  for (int32_t i = 0; i < count; ++i) {
    if (node.properties[static_cast<size_t>(i)].required) node.required |= uint64_t{1} << i;
  }
  node.minimal = tags_tail(node, 0);
}

std::string Grammar::tags_tail(const ValueNode& tags, uint64_t used) const {
  std::string text;
  const auto before = [&] { return used == 0 ? "" : std::string(kParameterEnd) + "\n"; };
  for (size_t i = 0; i < tags.properties.size(); ++i) {
    const Property& property = tags.properties[i];
    if (!property.required || (used >> i & 1) != 0) continue;
    text += before() + property.key + node(property.value).minimal;
    used |= uint64_t{1} << i;
  }
  return text + before() + "</function>";
}

Grammar::Grammar(const std::vector<ToolShape>& shapes, const CallForm& form) {
  for (const ToolShape& shape : shapes) {
    if (!is_utf8(shape.name) || shape.name.empty()) {
      fail(Code::invalid, "a tool's name is not text");
    }
    const int32_t arguments = SchemaCompiler(*this, shape, form).run();
    if (arguments < 0) continue;
    std::string name = shape.name;
    if (form.names_quoted) {
      name = json_quoted(shape.name).substr(1);
    } else if (name.find_first_of("<>:|\n") != std::string::npos) {
      fail(Code::invalid, "tool '" + name + "': its name does not fit into the call syntax");
    }
    names_.add(name + std::string(form.name_end), static_cast<int32_t>(tools_.size()));
    tools_.push_back({shape.name, arguments});
  }
}

}  // namespace corvid::engine
