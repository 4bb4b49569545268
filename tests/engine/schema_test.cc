// JSON Schemas as constraints: whatever is sampled under them validates, by a validator that shares
// nothing with the compiler, and valid values can be written.
#include <cmath>
#include <random>
#include <regex>

#include <catch2/catch.hpp>

#include "engine/constraint.h"
#include "engine/sample/pattern.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "tests/engine/random_schema.h"
#include "tests/engine/tiny_tokenizer.h"

using namespace corvid;
using namespace corvid::engine;

namespace {

struct Case {
  const char* schema;              // of one argument, "a"
  std::vector<const char*> valid;  // values that can be written
  std::vector<const char*> wrong;  // values that cannot
};

const std::vector<Case> kCases = {
    {R"({"type": "string", "pattern": "^[a-z]{2,4}-\\d+$"})", {R"("ab-1")", R"("abcd-007")"}, {R"("a-1")", R"("ab-")", R"("abcde-1")"}},
    {R"({"type": "string", "pattern": "b+c"})", {R"("bc")", R"("xé\"bbc\\ \n日")"}, {R"("b")", R"("cb")"}},
    {R"({"pattern": "^(?:foo|ba[rz])(?:,\\w*)?$"})", {R"("foo")", R"("baz,")", R"("bar,x_1")"}, {R"("fo")", R"("foo;")"}},
    {R"({"type": "string", "pattern": "^[^a-c\"]$"})", {R"("d")", R"("日")", R"("\\")", R"("\u0001")"}, {R"("a")", R"("\"")", R"("dd")"}},
    {R"({"type": "string", "pattern": "^x{3}|y$"})", {R"("xxx")", R"("ay")", R"("xxxa")"}, {R"("xx")", R"("ya")"}},
    {R"({"type": "string", "pattern": "a", "maxLength": 2})", {R"("a")", R"("ba")", R"("é\u0061")"}, {R"("bba")", R"("b")"}},
    {R"({"type": "string", "pattern": "^[а-я]+$", "minLength": 2})", {R"("да")"}, {R"("д")", R"("da")"}},
    {R"({"type": "string", "minLength": 2, "maxLength": 3})", {R"("ab")", R"("日本語")"}, {R"("a")", R"("abcd")"}},
    {R"({"format": "date", "type": "string"})", {R"("2024-02-29")", R"("1999-12-31")"}, {R"("2023-02-29")", R"("1999-13-01")", R"("99-1-1")"}},
    {R"({"format": "date-time", "type": "string"})", {R"("2024-02-29T23:59:59.5Z")", R"("2000-01-01T00:00:00+02:00")"}, {R"("2024-02-29")", R"("2024-02-29 10:00:00Z")"}},
    {R"({"format": "time", "type": "string"})", {R"("10:00:00Z")"}, {R"("25:00:00Z")"}},
    {R"({"format": "uuid", "type": "string"})", {R"("01234567-89ab-cdef-0123-456789abcdef")"}, {R"("01234567")"}},
    {R"({"format": "ipv4", "type": "string"})", {R"("192.168.0.1")"}, {R"("256.1.1.1")", R"("1.1.1")"}},
    {R"({"format": "ipv6", "type": "string"})", {R"("::1")", R"("1:2:3:4:5:6:7:8")"}, {R"("1:2")"}},
    {R"({"format": "email", "type": "string"})", {R"("a.b+c@example.org")"}, {R"("a@")", R"("@b")"}},
    {R"({"format": "hostname", "type": "string"})", {R"("a-b.example.org")"}, {R"("-a")"}},
    {R"({"format": "uri", "type": "string"})", {R"("https://a.b/c?d=e#f")"}, {R"("a b")"}},
    {R"({"format": "duration", "type": "string"})", {R"("P1Y2M")", R"("PT5M")"}, {R"("P")"}},
    {R"({"format": "something-else", "type": "string"})", {R"("any text")"}, {"1"}},
    {R"({"type": "integer", "multipleOf": 7})", {"0", "14", "-21", "7000"}, {"1", "13"}},
    {R"({"type": "integer", "multipleOf": 5, "minimum": 3, "exclusiveMaximum": 20})", {"5", "15"}, {"0", "20", "6"}},
    {R"({"type": "number", "multipleOf": 4})", {"8", "-4"}, {"2"}},
    {R"({"type": "number", "multipleOf": 1.5})", {"3", "-6", "0"}, {"2", "4"}},
    {R"({"type": "number", "multipleOf": 2.5e-1})", {"3", "-1"}, {"true"}},
    {R"({"type": "number", "minimum": 0, "maximum": 1})", {"0", "1", "0.5", "0.123456789"}, {"1.1", "-0.1", "2", "10"}},
    {R"({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001})", {"0.0005", "0.0009"}, {"0", "0.001", "1"}},
    {R"({"type": "number", "maximum": -2.5})", {"-2.5", "-1000"}, {"-2.4", "3"}},
    {R"({"minimum": 100.5})", {"100.5", "101", "99999"}, {"100.4", "1"}},
    {R"({"type": ["string", "null"]})", {R"("x")", "null"}, {"1"}},
    {R"({"type": ["integer", "boolean"]})", {"1", "true"}, {"1.5", R"("x")"}},
    {R"({"type": ["array", "object", "number"], "items": {"type": "null"}})", {"[null, null]", "3"}, {R"("x")"}},
    {R"({"anyOf": [{"type": "string", "maxLength": 1}, {"type": "integer", "minimum": 5}]})", {R"("a")", "5"}, {R"("ab")", "4"}},
    {R"({"anyOf": [{"const": "auto"}, {"type": "integer"}]})", {R"("auto")", "3"}, {R"("x")"}},
    {R"({"anyOf": [{"const": "a\"b"}, {"type": "string", "pattern": "^c+$"}]})", {R"("a\"b")", R"("cc")"}, {R"("a")", R"("")"}},
    {R"({"anyOf": [{"type": "string"}, {"const": "x"}]})", {R"("x")", R"("y")"}, {"1"}},
    {R"({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})", {R"("x")", R"(["x", "y"])"}, {"1"}},
    {R"({"oneOf": [{"const": 1}, {"const": 2}, {"type": "null"}]})", {"1", "2", "null"}, {"3"}},
    {R"({"anyOf": [{"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "z$"}]})", {R"("ab")", R"("bz")"}, {R"("b")"}},
    {R"({"allOf": [{"type": "integer", "minimum": 3}, {"maximum": 9}, {"multipleOf": 2}]})", {"4", "8"}, {"2", "5", "10"}},
    {R"({"allOf": [{"type": "string", "pattern": "a"}, {"pattern": "b"}]})", {R"("ab")", R"("bxa")"}, {R"("a")", R"("b")"}},
    {R"({"allOf": [{"properties": {"x": {"type": "integer"}}, "required": ["x"]}, {"properties": {"y": {"type": "null"}}}]})", {R"({"x": 1})", R"({"x": 1, "y": null})"}, {R"({"y": null})"}},
    {R"({"allOf": [{"properties": {"x": {"minimum": 1}}}, {"properties": {"x": {"type": "integer", "maximum": 3}}, "required": ["x"]}]})", {R"({"x": 2})"}, {R"({"x": 4})"}},
    {R"({"allOf": [{"enum": [1, 2, 3]}, {"enum": [2, 3, 4]}, {"minimum": 3}]})", {"3"}, {"2"}},
    {R"({"enum": ["a", 1, null, [1, "x"], {"k": true}]})", {R"("a")", "1", "null", R"([1, "x"])", R"({"k": true})"}, {"2", "[]"}},
    {R"({"enum": ["red", "green", 3], "type": "string"})", {R"("red")"}, {"3"}},
    {R"({"const": {"a": [1, 2]}})", {R"({"a": [1, 2]})"}, {"{}"}},
    {R"({"enum": ["aa", "ab", "ba"], "pattern": "^a"})", {R"("aa")", R"("ab")"}, {R"("ba")"}},
    {R"({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3})", {"[1]", "[1, 2, 3]"}, {"[]", "[1, 2, 3, 4]"}},
    {R"({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false})", {R"(["x", 1])", R"(["x"])", "[]"}, {"[1]", R"(["x", 1, 2])"}},
    {R"({"type": "array", "prefixItems": [{"const": "sum"}], "items": {"type": "number"}, "minItems": 3})", {R"(["sum", 1, 2.5])"}, {R"(["sum", 1])", R"([1, 2, 3])"}},
    {R"({"type": "array", "maxItems": 2})", {R"([1, "x"])", R"([{"a": [null]}])"}, {"[1, 2, 3]"}},
    {R"({"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": true})", {"[]", R"(["a"])"}, {R"(["a", "a"])"}},
    {R"({"type": "object", "additionalProperties": {"type": "integer"}})", {"{}", R"({"any key": 1, "é": 2})"}, {R"({"x": "y"})"}},
    {R"({"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1, "propertyNames": {"pattern": "^[a-z]+$"}})", {R"({"ab": "x"})"}, {"{}", R"({"A": "x"})"}},
    {R"({"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x", "free"]})", {R"({"x": 1, "free": [1]})"}, {R"({"x": 1})"}},
    {"true", {"1", R"({"a": [true, {"b": null}]})", R"("x")"}, {}},
    {"{}", {"[]", "null"}, {}},
    {R"({"$ref": "#/$defs/color"})", {R"("red")"}, {R"("blue")"}},
    {R"({"$ref": "#/$defs/tree"})", {R"({"value": 1})", R"({"value": 1, "children": [{"value": 2, "children": []}]})"}, {R"({"children": []})", R"({"value": 1, "children": [1]})"}},
    {R"({"$ref": "#/$defs/color", "maxLength": 3})", {R"("red")"}, {R"("green")"}},
    {R"({"type": "array", "items": {"$ref": "#/$defs/a~1b%25"}})", {"[0]"}, {"[1]"}},
    {R"({"anyOf": [{"type": "object", "properties": {"kind": {"const": "line"}, "length": {"type": "number"}}, "required": ["kind", "length"]},
                   {"type": "object", "properties": {"kind": {"enum": ["dot", "liner"]}, "at": {"type": "integer"}}, "required": ["kind"]}]})",
     {R"({"kind": "line", "length": 2.5})", R"({"kind": "dot"})", R"({"kind": "liner", "at": 3})"},
     {R"({"kind": "line"})", R"({"kind": "dot", "length": 1})", R"({"kind": "lin"})"}},
    {R"({"oneOf": [{"type": "null"}, {"type": "object", "properties": {"op": {"const": "a"}}, "required": ["op"]}, {"type": "object", "properties": {"op": {"const": "b"}}, "required": ["op"]}]})",
     {"null", R"({"op": "a"})", R"({"op": "b"})"}, {R"({"op": "c"})", "{}"}},
    {R"({"type": "object", "properties": {"n": {"type": ["integer", "null"], "minimum": 2}}, "additionalProperties": false})", {"{}", R"({"n": 2})", R"({"n": null})"}, {R"({"n": 1})"}},
    // Alternatives that begin alike.
    {R"({"anyOf": [{"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name", "age"]},
                   {"type": "object", "properties": {"name": {"type": "string"}, "mail": {"type": "string"}}, "required": ["name", "mail"]}]})",
     {R"({"name": "a", "age": 3})", R"({"name": "a", "mail": "b"})"}, {R"({"name": "a"})", R"({"name": "a", "age": "b"})", R"({"name": "a", "mail": 3})"}},
    {R"({"anyOf": [{"type": "array", "items": {"type": "null"}}, {"type": "array", "items": {"type": "string"}}]})", {"[null, null]", R"(["a", "b"])", "[]"}, {R"([null, "a"])", "[1]"}},
    {R"({"type": "array", "items": {"anyOf": [{"properties": {"x": {"type": "integer"}}, "required": ["x"]}, {"properties": {"x": {"type": "null"}}, "required": ["x"]}]}})", {R"([{"x": 1}, {"x": null}, {"x": 2}])", "[]"}, {R"([{"x": "a"}])", "[{}]"}},
    {R"({"anyOf": [{"type": "integer", "maximum": 3}, {"type": "number", "minimum": 10.5}, {"enum": [7, [1], {"k": 2}]}, {"type": "array", "items": {"type": "boolean"}}]})", {"3", "-5", "10.5", "12", "7", "[1]", "[true]", R"({"k": 2})"}, {"4", "10.4", "[2]", R"({"k": 3})"}},
    {R"({"oneOf": [{"type": "string"}, {"type": "string", "maxLength": 3}]})", {R"("abcd")"}, {R"("abc")"}},
    {R"({"oneOf": [{"type": "integer"}, {"minimum": 2}]})", {}, {"3"}},
    {R"({"oneOf": [{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"type": "object", "properties": {"b": {"type": "integer"}}, "required": ["b"]}]})", {R"({"a": 1})", R"({"b": 1})"}, {R"({"a": 1, "b": 1})", "{}"}},
    {R"({"enum": ["a", null], "type": ["string", "null"]})", {R"("a")", "null"}, {R"("b")"}},
    {R"({"allOf": [{"type": ["string", "null"]}, {"enum": ["a", null, 3]}]})", {R"("a")", "null"}, {"3"}},
    // Conditions.
    {R"({"type": ["string", "integer", "null"], "not": {"type": "integer"}})", {R"("a")", "null"}, {"1"}},
    {R"({"type": "string", "not": {"enum": ["no", "never"]}})", {R"("yes")", R"("n")", R"("nope")"}, {R"("no")", R"("never")"}},
    {R"({"type": "string", "not": {"pattern": "^a"}})", {R"("ba")", R"("")"}, {R"("ab")"}},
    {R"({"type": "boolean", "not": {"const": true}})", {"false"}, {"true"}},
    {R"({"type": ["boolean", "null"], "if": {"const": true}, "then": false})", {"false", "null"}, {"true"}},
    {R"({"enum": [1, 2, 3], "not": {"enum": [2]}})", {"1", "3"}, {"2"}},
    {R"({"type": "object", "properties": {"kind": {"enum": ["a", "b"]}, "x": {"type": "integer"}}, "required": ["kind"],
         "if": {"properties": {"kind": {"const": "a"}}}, "then": {"required": ["x"]}})",
     {R"({"kind": "a", "x": 1})", R"({"kind": "b"})", R"({"kind": "b", "x": 1})"}, {R"({"kind": "a"})"}},
    {R"({"type": "object", "properties": {"card": {"type": "integer"}, "address": {"type": "string"}}, "dependentRequired": {"card": ["address"]}})",
     {"{}", R"({"address": "x"})", R"({"card": 1, "address": "x"})"}, {R"({"card": 1})"}},
    {R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}, "dependentSchemas": {"a": {"properties": {"b": {"const": 1}}, "required": ["b"]}}})",
     {"{}", R"({"b": "x"})", R"({"a": 1, "b": 1})"}, {R"({"a": 1})", R"({"a": 1, "b": "x"})"}},
    {R"({"type": "object", "additionalProperties": false, "patternProperties": {"^n_": {"type": "integer"}}})", {"{}", R"({"n_a": 1, "n_b": 2})"}, {R"({"n_a": "x"})", R"({"m": 1})"}},
    {R"({"type": "object", "properties": {"n_a": {}, "b": {}}, "patternProperties": {"^n_": {"type": "integer"}}})", {R"({"n_a": 1, "b": "x"})"}, {R"({"n_a": "x"})"}},
    {R"({"type": "array", "items": {"type": "integer"}, "contains": {"minimum": 5}, "minContains": 2})", {"[5, 6]", "[7, 8, 1]"}, {"[5]", "[]", "[1, 2]"}},
    {R"({"allOf": [{"properties": {"a": {"type": "integer"}}}, {"properties": {"b": {"type": "null"}}}], "unevaluatedProperties": false})", {R"({"a": 1, "b": null})"}, {R"({"c": 1})"}},
    {R"({"allOf": [{"prefixItems": [{"type": "integer", "minimum": 3}]}], "items": {"type": "integer", "minimum": 5}})", {"[5]", "[6, 7]"}, {"[3, 5]", "[5, 4]"}},
    {R"({"type": "integer", "maximum": 1e300, "x-order": 3, "nullable": true})", {"7"}, {"1.5"}},
    {R"({"$ref": "#named"})", {"true"}, {"1"}},
};

// What cannot be decided from left to right, or is not supported, and a word of the complaint.
const std::pair<const char*, const char*> kRefused[] = {
    {R"({"not": {"uniqueItems": true}})", "'uniqueItems'"},
    {R"({"type": "integer", "not": {"const": 1}})", "'not'"},
    {R"({"anyOf": [{"const": 1}, {"not": {"multipleOf": 2}}]})", "'not'"},
    {R"({"anyOf": [{"const": 1}, {"$dynamicRef": "#x"}]})", "'$dynamicRef'"},
    {R"({"allOf": [{"patternProperties": {"^a": {}}}, {"additionalProperties": false}]})", "'patternProperties'"},
    {R"({"allOf": [{"contains": {"const": 1}}, {"contains": {"const": 2}}]})", "'contains'"},
    {R"({"allOf": [{"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "unevaluatedProperties": false}, {"properties": {"c": {}}}]})", "'unevaluatedProperties'"},
    {R"({"properties": 3})", "'properties'"},
    {R"({"anyOf": [{"required": "x"}]})", "'required'"},
    {R"({"type": "string", "pattern": "(a)\\1"})", "refers back"},
    {R"({"type": "string", "pattern": "(?=a)b"})", "looks around"},
    {R"({"type": "string", "pattern": "a{3"})", "no failure"},
    {R"({"type": "string", "pattern": "(a"})", "'('"},
    {R"({"type": "string", "pattern": "(?:(?:a{1000}){1000}){1000}"})", "too large"},
    {R"({"type": "number", "multipleOf": 0.123456789})", "'multipleOf'"},
    {R"({"type": "number", "multipleOf": 0.0})", "'multipleOf'"},
    {R"({"oneOf": [{"type": "array", "items": {}}, {"type": "array", "uniqueItems": true}]})", "'uniqueItems'"},
    {R"({"type": "array", "minItems": 1024, "items": {"type": "array", "minItems": 1024, "items": {"type": "string", "minLength": 300}}})", "64 KiB"},
    {R"({"type": "array", "items": {}, "uniqueItems": true, "minItems": 2})", "'uniqueItems'"},
    {R"({"type": "object", "additionalProperties": {}, "minProperties": 3})", "'minProperties'"},
    {R"({"$ref": "#/$defs/nowhere"})", "nowhere"},
    {R"({"$ref": "https://example.org/x"})", "example.org"},
    {R"({"$ref": "#/$defs/loop"})", "without end"},
    {R"({"type": "colour"})", "colour"},
};

constexpr const char* kDefs = R"({"color": {"enum": ["red", "green"]},
  "tree": {"type": "object", "properties": {"value": {"type": "integer"},
    "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}, "required": ["value"]},
  "loop": {"$ref": "#/$defs/loop"}, "a/b%": {"const": 0},
  "marked": {"$anchor": "named", "type": "boolean"}})";

std::string tool_schema(const std::string& value) {
  return R"({"type": "object", "properties": {"a": )" + value + R"(}, "required": ["a"], "$defs": )" +
         kDefs + "}";
}

// --- a validator, straight from the specification ------------------------------------------------

bool is_type(const OrderedJson& value, const std::string& type) {
  if (type == "integer") {
    return value.is_number() && std::floor(value.get<double>()) == value.get<double>();
  }
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  return type == "array" ? value.is_array() : value.is_object();
}

// Independent of the patterns that the compiler has for them, as far as a short one goes.
bool is_format(const std::string& text, const std::string& format) {
  static const std::map<std::string, std::string> kShort = {
      {"date", R"(\d{4}-\d\d-\d\d)"}, {"time", R"(\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))"},
      {"date-time", R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))"},
      {"uuid", R"([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"},
      {"ipv4", R"(\d{1,3}(\.\d{1,3}){3})"}, {"email", R"([^@ ]+@[^@ ]+)"},
      {"hostname", R"([A-Za-z0-9.-]+)"}, {"uri", R"([A-Za-z][A-Za-z0-9+.-]*:\S*)"}};
  const auto found = kShort.find(format);
  return found == kShort.end() || std::regex_match(text, std::regex(found->second));
}

class Validator {
 public:
  explicit Validator(const OrderedJson& root) : root_(root) {}

  bool valid(const OrderedJson& schema, const OrderedJson& value) const {
    if (schema.is_boolean()) return schema.get<bool>();
    for (const auto& [keyword, given] : schema.items()) {
      if (!keyword_holds(schema, keyword, given, value)) return false;
    }
    return true;
  }

 private:
  const OrderedJson& target(std::string reference) const {
    if (reference == "#named") return root_["$defs"]["marked"];
    reference = std::regex_replace(reference.substr(1), std::regex("%25"), "%");
    return root_.at(OrderedJson::json_pointer(reference));
  }

  int count(const OrderedJson& parts, const OrderedJson& value) const {
    int good = 0;
    for (const OrderedJson& part : parts) good += valid(part, value);
    return good;
  }

  bool keyword_holds(const OrderedJson& schema, const std::string& keyword,
                     const OrderedJson& given, const OrderedJson& value) const {
    if (keyword == "$ref") return valid(target(given.get<std::string>()), value);
    if (keyword == "type" && given.is_string()) return is_type(value, given.get<std::string>());
    if (keyword == "type") {
      return std::any_of(given.begin(), given.end(), [&](const OrderedJson& type) {
        return is_type(value, type.get<std::string>());
      });
    }
    if (keyword == "enum") return std::find(given.begin(), given.end(), value) != given.end();
    if (keyword == "const") return value == given;
    if (keyword == "anyOf") return count(given, value) > 0;
    if (keyword == "oneOf") return count(given, value) == 1;
    if (keyword == "allOf") return count(given, value) == static_cast<int>(given.size());
    if (keyword == "not") return !valid(given, value);
    if (keyword == "if") {
      const char* branch = valid(given, value) ? "then" : "else";
      return !schema.contains(branch) || valid(schema[branch], value);
    }
    if (value.is_number()) return number_holds(keyword, given, value.get<double>());
    if (value.is_string()) return text_holds(keyword, given, value.get<std::string>());
    if (value.is_array()) return array_holds(schema, keyword, given, value);
    return !value.is_object() || object_holds(schema, keyword, given, value);
  }

  static bool number_holds(const std::string& keyword, const OrderedJson& given, double value) {
    if (keyword == "minimum") return value >= given.get<double>();
    if (keyword == "maximum") return value <= given.get<double>();
    if (keyword == "exclusiveMinimum") return value > given.get<double>();
    if (keyword == "exclusiveMaximum") return value < given.get<double>();
    if (keyword == "multipleOf") return std::fmod(value, given.get<double>()) == 0;
    return true;
  }

  static bool text_holds(const std::string& keyword, const OrderedJson& given,
                         const std::string& text) {
    const int64_t length = jinja::character_count(text);
    if (keyword == "minLength") return length >= given.get<int64_t>();
    if (keyword == "maxLength") return length <= given.get<int64_t>();
    if (keyword == "format") return is_format(text, given.get<std::string>());
    if (keyword != "pattern") return true;
    // std::regex knows bytes alone.
    const auto pattern = given.get<std::string>();
    const bool ascii = std::none_of(pattern.begin(), pattern.end(), [](char c) { return c < 0; });
    if (!ascii || pattern.find("[^") != pattern.npos) return true;
    return std::regex_search(text, std::regex(pattern));
  }

  bool array_holds(const OrderedJson& schema, const std::string& keyword, const OrderedJson& given,
                   const OrderedJson& value) const {
    if (keyword == "minItems") return value.size() >= given.get<size_t>();
    if (keyword == "maxItems") return value.size() <= given.get<size_t>();
    if (keyword == "contains") {
      const auto good = std::count_if(value.begin(), value.end(), [&](const OrderedJson& item) {
        return valid(given, item);
      });
      return good >= schema.value("minContains", 1) && good <= schema.value("maxContains", 1000);
    }
    const size_t first = schema.value("prefixItems", OrderedJson::array()).size();
    for (size_t i = 0; i < value.size(); ++i) {
      if (keyword == "prefixItems" && i < first && !valid(given[i], value[i])) return false;
      if (keyword == "items" && i >= first && !valid(given, value[i])) return false;
      for (size_t j = 0; keyword == "uniqueItems" && j < i; ++j) {
        if (value[i] == value[j]) return false;
      }
    }
    return true;
  }

  bool object_holds(const OrderedJson& schema, const std::string& keyword, const OrderedJson& given,
                    const OrderedJson& value) const {
    if (keyword == "minProperties") return value.size() >= given.get<size_t>();
    if (keyword == "maxProperties") return value.size() <= given.get<size_t>();
    if (keyword == "required") {
      return std::all_of(given.begin(), given.end(), [&](const OrderedJson& name) {
        return value.contains(name.get<std::string>());
      });
    }
    if (keyword == "dependentRequired" || keyword == "dependentSchemas") {
      for (const auto& [name, part] : given.items()) {
        const OrderedJson must = part.is_array() ? OrderedJson{{"required", part}} : part;
        if (value.contains(name) && !valid(must, value)) return false;
      }
      return true;
    }
    const OrderedJson named = schema.value("properties", OrderedJson::object());
    const OrderedJson patterns = schema.value("patternProperties", OrderedJson::object());
    for (const auto& [name, item] : value.items()) {
      bool known = named.contains(name);
      for (const auto& [pattern, part] : patterns.items()) {
        if (!std::regex_search(name, std::regex(pattern))) continue;
        known = true;
        if (keyword == "patternProperties" && !valid(part, item)) return false;
      }
      if (keyword == "properties" && named.contains(name) && !valid(given[name], item)) return false;
      if (keyword == "additionalProperties" && !known && !valid(given, item)) return false;
      if (keyword == "propertyNames" && !valid(given, name)) return false;
    }
    return true;
  }

  const OrderedJson& root_;
};

// --- sampling ------------------------------------------------------------------------------------

ConstraintSpec spec_of(const std::string& schema, CallSyntax syntax = CallSyntax::hermes_json) {
  ConstraintSpec spec;
  spec.syntax = syntax;
  spec.tools = {{"t", schema, {}, {}}};
  spec.call_required = true;
  spec.allow_text = false;
  return spec;
}

// What random logits make, closed after at most `steps`.
std::string random_text(const Constraint& start, const Tokenizer& tokenizer, std::mt19937& random,
                        int steps) {
  Constraint constraint(start);
  std::string text;
  std::vector<float> logits(static_cast<size_t>(tokenizer.vocab_size()));
  for (int i = 0; i < steps; ++i) {
    Token token = constraint.forced();
    if (token < 0) {
      for (float& logit : logits) logit = static_cast<float>(random() % 1000) / 100;
      constraint.mask(logits);
      const auto best = std::max_element(logits.begin(), logits.end());
      REQUIRE(*best >= 0);
      token = static_cast<Token>(best - logits.begin());
    }
    constraint.accept(token);
    if (tokenizer.is_end(token)) break;
    text += tokenizer.bytes(token);
  }
  if (constraint.inside_call()) text += tokenizer.decode(constraint.closing());
  return text;
}

// The arguments of such a call.
OrderedJson sampled(const ConstraintSpec& spec, const Constraint& start, const Tokenizer& tokenizer,
                    std::mt19937& random, int steps) {
  const std::string text = random_text(start, tokenizer, random, steps);
  CallParserOptions options;
  options.schemas["t"] = spec.tools[0].schema;
  CallParser parser(spec.syntax, options);
  parser.push(text);
  parser.finish();
  INFO(text);
  REQUIRE(parser.calls().size() == 1);
  return OrderedJson::parse(parser.calls()[0].arguments);
}

// Whether the call with this value can be written, as templates write it.
bool can_write(const Constraint& start, const Tokenizer& tokenizer, const char* value) {
  Constraint constraint(start);
  const std::string text = "<tool_call>\n{\"name\": \"t\", \"arguments\": {\"a\": " +
                           test::canonical(OrderedJson::parse(value)) + "}}\n</tool_call>";
  std::vector<float> logits(static_cast<size_t>(tokenizer.vocab_size()));
  for (const Token token : tokenizer.encode(text, true)) {
    std::fill(logits.begin(), logits.end(), 0.0f);
    constraint.mask(logits);
    if (logits[static_cast<size_t>(token)] != 0) return false;
    constraint.accept(token);
  }
  return constraint.may_end();
}

// The schema as that of a whole turn, and what such a constraint starts with.
ConstraintSpec value_spec(const char* schema) {
  OrderedJson root = OrderedJson::parse(schema);
  if (!root.is_object()) root = OrderedJson::object();
  root["$defs"] = OrderedJson::parse(kDefs);
  ConstraintSpec spec;
  spec.value_schema = root.dump();
  return spec;
}

// Feeds `text` as it is cut; whether the turn may end behind it.
bool takes(Constraint constraint, const Tokenizer& tokenizer, const std::string& text) {
  std::vector<float> logits(static_cast<size_t>(tokenizer.vocab_size()));
  for (const Token token : tokenizer.encode(text, false)) {
    std::fill(logits.begin(), logits.end(), 0.0f);
    constraint.mask(logits);
    if (logits[static_cast<size_t>(token)] != 0) return false;
    constraint.accept(token);
  }
  return constraint.may_end();
}

}  // namespace

TEST_CASE("a turn can be one value of a schema") {
  const auto tokenizer = test::tiny_tokenizer();
  std::mt19937 random(11);
  for (const Case& one : kCases) {
    INFO(one.schema);
    const ConstraintSpec spec = value_spec(one.schema);
    const Constraint start(spec, *tokenizer);
    const OrderedJson root = OrderedJson::parse(*spec.value_schema);
    for (const char* value : one.valid) {
      INFO(value);
      CHECK(takes(start, *tokenizer, test::canonical(OrderedJson::parse(value))));
    }
    for (const char* value : one.wrong) {
      INFO(value);
      CHECK_FALSE(takes(start, *tokenizer, test::canonical(OrderedJson::parse(value))));
    }
    CHECK_FALSE(takes(start, *tokenizer, ""));
    for (int i = 0; i < 60; ++i) {
      const std::string text =
          random_text(start, *tokenizer, random, 5 + static_cast<int>(random() % 40));
      INFO(text);
      CHECK(Validator(root).valid(root, OrderedJson::parse(text)));
    }
  }
}

TEST_CASE("a schema for a turn that cannot be decided or satisfied is refused with the reason") {
  const auto tokenizer = test::tiny_tokenizer();
  const auto refusal = [&](const ConstraintSpec& spec) {
    try {
      const Constraint constraint(spec, *tokenizer);
    } catch (const Error& error) {
      CHECK(error.code() == Code::invalid);
      return std::string(error.what());
    }
    return std::string("no failure");
  };
  for (const auto& [schema, reason] : kRefused) {
    INFO(schema);
    const std::string message = refusal(value_spec(schema));
    CHECK_THAT(message, Catch::Contains(reason));
    CHECK(message.find("tool") == message.npos);
  }
  CHECK_THAT(refusal(value_spec(R"({"type": "string", "enum": [1]})")),
             Catch::Contains("allows no value"));
}

TEST_CASE("under every schema valid values can be written and others cannot") {
  const auto tokenizer = test::tiny_tokenizer();
  for (const Case& one : kCases) {
    INFO(one.schema);
    const std::string schema = tool_schema(one.schema);
    const Constraint start(spec_of(schema), *tokenizer);
    const OrderedJson root = OrderedJson::parse(schema);
    const Validator validator(root);
    for (const char* value : one.valid) {
      INFO(value);
      CHECK(validator.valid(root, {{"a", OrderedJson::parse(value)}}));
      CHECK(can_write(start, *tokenizer, value));
    }
    for (const char* value : one.wrong) {
      INFO(value);
      CHECK_FALSE(can_write(start, *tokenizer, value));
    }
  }
}

TEST_CASE("ten thousand random streams make calls that validate") {
  const auto tokenizer = test::tiny_tokenizer();
  constexpr int kStreams = 10000;
  const int each = kStreams / static_cast<int>(kCases.size()) + 1;
  std::mt19937 random(5);
  for (const Case& one : kCases) {
    INFO(one.schema);
    const ConstraintSpec spec = spec_of(tool_schema(one.schema));
    const Constraint start(spec, *tokenizer);
    const OrderedJson root = OrderedJson::parse(spec.tools[0].schema);
    const Validator validator(root);
    for (int i = 0; i < each; ++i) {
      const OrderedJson made =
          sampled(spec, start, *tokenizer, random, 10 + static_cast<int>(random() % 40));
      if (!validator.valid(root, made)) FAIL_CHECK(made.dump());
    }
  }
}

TEST_CASE("random streams in the XML syntax make calls that validate") {
  const auto tokenizer = test::tiny_tokenizer();
  std::mt19937 random(6);
  for (const Case& one : kCases) {
    INFO(one.schema);
    // Tags say nothing of a value's type where the schema does not, or hides it behind a reference
    // or among several parts.
    const std::string_view text = one.schema;
    if (text.find("\"type\"") == text.npos || text.find("$ref") != text.npos) continue;
    const auto has = [&](const char* keyword) { return text.find(keyword) != text.npos; };
    if (has("anyOf") || has("oneOf") || has("allOf")) continue;
    const ConstraintSpec spec = spec_of(tool_schema(one.schema), CallSyntax::xml);
    const Constraint start(spec, *tokenizer);
    const OrderedJson root = OrderedJson::parse(spec.tools[0].schema);
    const Validator validator(root);
    for (int i = 0; i < 30; ++i) {
      const OrderedJson made = sampled(spec, start, *tokenizer, random, 40);
      if (!validator.valid(root, made)) FAIL_CHECK(made.dump());
    }
  }
}

TEST_CASE("schemas that cannot be decided are refused with the reason") {
  const auto tokenizer = test::tiny_tokenizer();
  for (const auto& [schema, reason] : kRefused) {
    INFO(schema);
    std::string message = "no failure";
    try {
      const Constraint constraint(spec_of(tool_schema(schema)), *tokenizer);
    } catch (const Error& error) {
      CHECK(error.code() == Code::invalid);
      message = error.what();
    }
    CHECK_THAT(message, Catch::Contains(reason));
  }
}

TEST_CASE("a value that nothing satisfies takes its argument or tool with it") {
  const auto tokenizer = test::tiny_tokenizer();
  for (const char* schema : {"false", R"({"type": "string", "enum": [1]})",
                             R"({"allOf": [{"type": "string"}, {"type": "integer"}]})",
                             R"({"type": "integer", "multipleOf": 10, "minimum": 1, "maximum": 9})",
                             R"({"type": "string", "pattern": "^a$", "minLength": 2})",
                             R"({"type": "array", "items": false, "minItems": 1})"}) {
    INFO(schema);
    const Constraint required(spec_of(tool_schema(schema)), *tokenizer);
    CHECK(required.may_end());
    const std::string optional =
        R"({"type": "object", "properties": {"a": )" + std::string(schema) + "}}";
    std::mt19937 random(1);
    const ConstraintSpec spec = spec_of(optional);
    CHECK(sampled(spec, Constraint(spec, *tokenizer), *tokenizer, random, 60) ==
          OrderedJson::object());
  }
}
