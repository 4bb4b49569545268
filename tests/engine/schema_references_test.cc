#include <catch2/catch.hpp>

#include <string>
#include <utility>

#include "engine/constraint.h"
#include "runtime/base/error.h"
#include "tests/engine/tiny_tokenizer.h"

using namespace corvid;
using namespace corvid::engine;

TEST_CASE("references by $id, $anchor and $dynamicRef are followed within the schema") {
  struct Referring {
    const char* schema;
    std::vector<const char*> valid, wrong;
  };
  const Referring cases[] = {
      {R"({"$id": "https://a.org/x/root.json", "$ref": "../y/./far.json#/$defs/n~1%25",
           "$defs": {"far": {"$id": "/y/far.json", "$defs": {"n/%": {"const": 1}}}}})",
       {"1"}, {"2"}},
      {R"({"$id": "urn:example:1", "items": {"$ref": "urn:example:1#here"},
           "$defs": {"a": {"$anchor": "here", "type": "null"}}})",
       {"[null]"}, {"[1]"}},
      {R"({"$ref": "child#here", "$defs": {"a": {"$id": "child", "$anchor": "here", "const": 1,
           "$defs": {"b": {"$id": "other", "$anchor": "here", "const": 2}}}}})",
       {"1"}, {"2"}},
      // Of dynamic anchors the root's holds; a plain anchor is none.
      {R"({"$id": "https://a.org/root", "$ref": "list", "$defs": {
           "foo": {"$dynamicAnchor": "it", "type": "null"},
           "list": {"$id": "list", "type": "array", "items": {"$dynamicRef": "#it"},
                    "$defs": {"it": {"$dynamicAnchor": "it"}}}}})",
       {"[null]"}, {"[1]"}},
      {R"({"$id": "https://a.org/root", "$ref": "list", "$defs": {
           "foo": {"$anchor": "it", "type": "null"},
           "list": {"$id": "list", "type": "array", "items": {"$dynamicRef": "#it"},
                    "$defs": {"it": {"$dynamicAnchor": "it", "type": "boolean"}}}}})",
       {"[true]"}, {"[null]"}},
      // What enum holds is no schema.
      {R"({"$ref": "https://a.org/x", "$defs": {
           "a": {"enum": [{"$id": "https://a.org/x", "type": "null"}]},
           "b": {"$id": "https://a.org/x", "type": "boolean"}}})",
       {"true"}, {"null"}},
      // Recursion through allOf.
      {R"({"allOf": [{"$ref": "#/$defs/base"}, {"properties": {"next": {"allOf": [{"$ref": "#"}]}}}],
           "$defs": {"base": {"type": "object", "properties": {"v": {"type": "integer"}},
                              "required": ["v"]}}})",
       {R"({"v": 1, "next": {"v": 2, "next": {"v": 3}}})"}, {R"({"v": 1, "next": {}})"}},
      {R"({"$ref": "#/$defs/a", "$defs": {
           "a": {"allOf": [{"$ref": "#/$defs/b"}, {"properties": {"x": {"$ref": "#/$defs/a"}}}]},
           "b": {"type": "object", "properties": {"x": {"$ref": "#/$defs/b"}, "y": {"const": 1}}}}})",
       {"{}", R"({"x": {"x": {"x": {"y": 1}}}})"}, {R"({"x": {"x": {"y": 2}}})"}},
      {R"({"type": "array", "items": {"allOf": [{"$ref": "#"}, {"maxItems": 1}]}})",
       {"[[[]], [], [[[]]]]"}, {"[[[], []]]", "[1]"}},
      {R"({"anyOf": [{"type": "null"}, {"allOf": [
           {"type": "object"}, {"properties": {"x": {"allOf": [{"$ref": "#"}]}}}]}]})",
       {"null", R"({"x": {"x": null}})"}, {R"({"x": 1})"}}};
  const auto tokenizer = test::tiny_tokenizer();
  for (const Referring& one : cases) {
    INFO(one.schema);
    ConstraintSpec spec;
    spec.value_schema = one.schema;
    const Constraint start(spec, *tokenizer);
    const auto writes = [&](const char* text) {
      Constraint constraint = start;
      for (const Token token : tokenizer->encode(text, false)) {
        if (!constraint.allows(token)) return false;
        constraint.accept(token);
      }
      return constraint.may_end();
    };
    for (const char* text : one.valid) CHECK(writes(text));
    for (const char* text : one.wrong) CHECK_FALSE(writes(text));
  }
  // Which of two anchors it is depends on the way there.
  ConstraintSpec spec;
  spec.value_schema = R"({"anyOf": [{"$ref": "a"}, {"$ref": "b"}], "$defs": {
      "a": {"$id": "a", "$dynamicAnchor": "it", "items": {"$dynamicRef": "b#it"}},
      "b": {"$id": "b", "$dynamicAnchor": "it", "items": {"$dynamicRef": "#it"}}}})";
  CHECK_THROWS_WITH(Constraint(spec, *tokenizer), Catch::Contains("$dynamicRef"));
}

TEST_CASE("alternatives that lead back to themselves, or to too many, are refused") {
  // Each stands for both alternatives of the next one's.
  const auto doubled = [](const std::string& last) {
    std::string defs = R"("d0": )" + last;
    for (int i = 1; i < 40; ++i) {
      const std::string next = R"({"$ref": "#/$defs/d)" + std::to_string(i - 1) + "\"}";
      defs += ", \"d" + std::to_string(i) + R"(": {"anyOf": [)" + next + ", " + next + "]}";
    }
    return R"({"$ref": "#/$defs/d39", "$defs": {)" + defs + "}}";
  };
  const std::pair<std::string, const char*> cases[] = {
      {R"({"anyOf": [{"$ref": "#"}, {"type": "string"}]})", "without end"},
      {R"({"oneOf": [{"type": "string"}, {"$dynamicRef": "#a"}], "$dynamicAnchor": "a"})",
       "without end"},
      {R"({"if": {"type": "null"}, "then": {"$ref": "#"}, "else": {"$ref": "#"}})", "without end"},
      {R"({"if": {"$ref": "#"}, "then": {"type": "null"}, "else": true})", "without end"},
      {R"({"allOf": [{"$ref": "#"}, {"type": "null"}]})", "without end"},
      {doubled(R"({"type": "null"})"), "too many alternatives"},
      {doubled("false"), "too many alternatives"},
      {R"({"not": {"maxLength": 9223372036854775807}})", "below 2^53"}};
  const auto tokenizer = test::tiny_tokenizer();
  for (const auto& [schema, what] : cases) {
    INFO(schema);
    ConstraintSpec spec;
    spec.value_schema = schema;
    CHECK_THROWS_WITH(Constraint(spec, *tokenizer), Catch::Contains(what));
  }
}

TEST_CASE("values of an enum are held against a multipleOf whatever their size") {
  const auto tokenizer = test::tiny_tokenizer();
  const auto allows = [&](const std::string& value, const std::string& multiple) {
    ConstraintSpec spec;
    spec.value_schema = R"({"enum": ["x", )" + value + R"(], "multipleOf": )" + multiple + "}";
    return Constraint(spec, *tokenizer).allows(tokenizer->encode(value, false)[0]);
  };
  const std::pair<const char*, const char*> multiples[] = {
      {"18446744073709551614", "7"}, {"18446744073709551615", "5"}, {"1e300", "2"}, {"-14", "7"},
      {"1.5", "1.5"}, {"-4.5", "1.5"}, {"3", "1.5"}, {"1.1", "0.1"}, {"0.0075", "0.0001"},
      {"0.246913578", "0.123456789"}, {"0", "0.123456789"}, {"1e300", "2.5"}, {"2.5e-7", "5e-8"},
      {"5000", "1e3"}};
  for (const auto& [value, step] : multiples) {
    INFO(value << " " << step);
    CHECK(allows(value, step));
  }
  const std::pair<const char*, const char*> others[] = {
      {"18446744073709551613", "7"}, {"1e300", "7"}, {"-15", "7"}, {"1", "1.5"}, {"0.1", "0.03"},
      {"0.00751", "0.0001"}, {"2.5e-7", "1e-7"}, {"1e-300", "1"}, {"1500", "1e3"}};
  for (const auto& [value, step] : others) {
    INFO(value << " " << step);
    CHECK_FALSE(allows(value, step));
  }
}
