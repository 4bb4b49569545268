#include <catch2/catch.hpp>

#include "engine/chat.h"

using namespace corvid::engine;

namespace {

struct HermesCalls {
  std::string text;
  std::vector<ParsedCall> calls;
  bool broken = false;
};

HermesCalls parse_hermes(std::string_view text, size_t step) {
  CallParser parser(CallSyntax::hermes_json);
  HermesCalls parsed;
  for (size_t at = 0; at < text.size(); at += step) {
    parsed.text += parser.push(text.substr(at, step));
  }
  parsed.text += parser.finish();
  parsed.calls = parser.calls();
  parsed.broken = parser.broken();
  return parsed;
}

}  // namespace

TEST_CASE("a call is parsed whole however its text is cut up") {
  const std::string text =
      "I look.\n<tool_call>\n{\"name\": \"read_file\", \"arguments\": {\"path\": "
      "\"a </tool_call> \\\" }{.py\", \"z\": [1, {}], \"a\": null}}\n</tool_call>\n"
      "<tool_call>{\"arguments\":{},\n\"name\":\"finish\"}</tool_call>";
  for (size_t step : {1, 2, 3, 7, 1000}) {
    const HermesCalls parsed = parse_hermes(text, step);
    CHECK(parsed.text == "I look.\n");
    REQUIRE(parsed.calls.size() == 2);
    CHECK(parsed.calls[0].name == "read_file");
    CHECK(parsed.calls[0].arguments ==
          R"({"path":"a </tool_call> \" }{.py","z":[1,{}],"a":null})");
    CHECK(parsed.calls[1].name == "finish");
    CHECK(parsed.calls[1].arguments == "{}");
    CHECK_FALSE(parsed.broken);
  }
}

TEST_CASE("text is held back only while it could still open a call") {
  CallParser parser(CallSyntax::hermes_json);
  CHECK(parser.push("a <b> <") == "a <b> ");
  CHECK(parser.push("tool") == "");
  CHECK(parser.push("s> <<tool_ca") == "<tools> <");
  CHECK(parser.push("n't") == "<tool_can't");
  CHECK(parser.push("end <tool_call") == "end ");
  CHECK(parser.finish() == "<tool_call");
  CHECK_FALSE(parser.broken());
}

TEST_CASE("what is opened and not whole is broken and never a call") {
  for (const char* text : {
           "<tool_call>",
           "<tool_call>\n{\"name\": \"a\", \"arguments\": {\"x\": \"</tool_call>",
           "<tool_call>\n{\"name\": \"a\", \"arguments\": {}}x\n</tool_call>",
           "<tool_call>\n{\"name\": 1, \"arguments\": {}}\n</tool_call>",
           "<tool_call>\n{\"name\": \"a\", \"arguments\": []}\n</tool_call>",
           "<tool_call>\n{\"name\": \"a\", \"arguments\": {},}\n</tool_call>",
           "<tool_call>\nread_file\n</tool_call>",
       }) {
    INFO(text);
    for (size_t step : {1, 1000}) {
      const HermesCalls parsed = parse_hermes(text, step);
      CHECK(parsed.broken);
      CHECK(parsed.calls.empty());
      CHECK(parsed.text.empty());
    }
  }
}

TEST_CASE("a whole call counts without its closing tag, and text goes on after a bad one") {
  const HermesCalls open =
      parse_hermes("<tool_call>\n{\"name\": \"a\", \"arguments\": {\"b\": 1}}\n</tool", 3);
  REQUIRE(open.calls.size() == 1);
  CHECK_FALSE(open.broken);
  const HermesCalls after = parse_hermes("<tool_call>nonsense</tool_call>\n then", 4);
  CHECK(after.broken);
  CHECK(after.text == "then");
}

TEST_CASE("arguments may be JSON text or missing") {
  const HermesCalls parsed = parse_hermes(
      "<tool_call>{\"name\": \"a\", \"arguments\": \"{\\\"b\\\": 1}\"}</tool_call>"
      "<tool_call>{\"name\": \"c\"}</tool_call>", 5);
  REQUIRE(parsed.calls.size() == 2);
  CHECK(parsed.calls[0].arguments == "{\"b\":1}");
  CHECK(parsed.calls[1].arguments == "{}");
}
