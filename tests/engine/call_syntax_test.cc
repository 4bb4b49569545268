// The call syntaxes besides Hermes JSON: found in templates, constrained, parsed.
#include <catch2/catch.hpp>

#include <filesystem>

#include "engine/chat.h"
#include "engine/constraint.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "tests/engine/tiny_tokenizer.h"

using namespace corvid;
using namespace corvid::engine;
using test::tiny_tokenizer;
namespace fs = std::filesystem;

namespace {

constexpr const char* kWeather = R"({"type": "object", "properties": {
  "city": {"type": "string"}, "days": {"type": "integer", "minimum": 0},
  "unit": {"type": "string", "enum": ["C", "F"]}, "exact": {"type": "boolean"}},
  "required": ["city"]})";

struct Parsed {
  std::string text, reasoning;
  std::vector<ParsedCall> calls;
  bool broken = false;
};

Parsed parse(CallSyntax syntax, std::string_view text, size_t step,
             CallParserOptions options = {}) {
  options.schemas.try_emplace("get_weather", kWeather);
  CallParser parser(syntax, options);
  Parsed parsed;
  for (size_t at = 0; at < text.size(); at += step) {
    parsed.text += parser.push(text.substr(at, step));
  }
  parsed.text += parser.finish();
  parsed.reasoning = parser.reasoning();
  parsed.calls = parser.calls();
  parsed.broken = parser.broken();
  return parsed;
}

ConstraintSpec weather(CallSyntax syntax) {
  ConstraintSpec spec;
  spec.syntax = syntax;
  spec.tools = {{"get_weather", kWeather, {}, {}}};
  spec.calls_max = 2;
  return spec;
}

// Feeds bytes one token each; returns what was not allowed.
std::string feed_bytes(Constraint& constraint, const Tokenizer& tokenizer, std::string_view text) {
  for (size_t at = 0; at < text.size(); ++at) {
    const Token token = tokenizer.find(text.substr(at, 1));
    try {
      constraint.accept(token);
    } catch (const Error&) {
      return std::string(text.substr(at));
    }
  }
  return "";
}

constexpr std::string_view kXml =
    "<tool_call>\n<function=get_weather>\n<parameter=days>\n1\n</parameter>\n<parameter=city>\n"
    "Pa\"ris\n<b>\n</parameter>\n<parameter=exact>\nTrue\n</parameter>\n</function>\n</tool_call>";
constexpr std::string_view kLlama =
    R"({"name": "get_weather", "parameters": {"city": "Paris", "days": 1}})";
constexpr std::string_view kKimi =
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0"
    "<|tool_call_argument_begin|>{\"city\": \"Paris\"}<|tool_call_end|><|tool_call_begin|>"
    "functions.get_weather:1<|tool_call_argument_begin|>{\"city\": \"Oslo\"}<|tool_call_end|>"
    "<|tool_calls_section_end|>";

}  // namespace

TEST_CASE("a template's call syntax is found, and what it prints is parsed back") {
  const fs::path folder = fs::path(CORVID_SOURCE_DIR) / "../shared/fixtures/engine/templates";
  if (!fs::exists(folder)) {
    WARN("SKIP: ../shared/fixtures is not here");
    return;
  }
  const std::pair<const char*, CallSyntax> kTemplates[] = {
      {"NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", CallSyntax::xml},
      {"Qwen3.5-4B", CallSyntax::xml},
      {"Qwen3-Coder", CallSyntax::xml},
      {"StepFun3.5-Flash", CallSyntax::xml},
      {"meta-llama-Llama-3.1-8B-Instruct", CallSyntax::llama3_json},
      {"meta-llama-Llama-3.2-3B-Instruct", CallSyntax::llama3_json},
      {"Kimi-K2-Instruct", CallSyntax::kimi},
      {"Kimi-K2-Thinking", CallSyntax::kimi},
      {"Qwen-Qwen3-0.6B", CallSyntax::hermes_json},
      {"Qwen-Qwen2.5-7B-Instruct", CallSyntax::hermes_json},
      {"NousResearch-Hermes-3-Llama-3.1-8B-tool_use", CallSyntax::hermes_json}};
  for (const auto& [name, syntax] : kTemplates) {
    INFO(name);
    const std::string base = (folder / name).string();
    CHECK(call_syntax(read_file(base + ".jinja", 1 << 20)) == syntax);
    const auto cases = OrderedJson::parse(read_file(base + ".json", 1 << 24))["cases"];
    const OrderedJson& found = cases["tool_round"];
    const std::string key = found.contains("rendered") ? "rendered" : "llama_direct";
    if (!found.contains(key)) continue;
    const std::string rendered = found[key].get<std::string>();
    // The turn behind the question, up to the turn's end.
    const size_t question = rendered.rfind("tomorrow?");
    REQUIRE(question != std::string::npos);
    const std::string opens = syntax == CallSyntax::llama3_json ? "{\"name\"" : "<tool_call>";
    const std::string first = syntax == CallSyntax::kimi ? "<|tool_calls_section" : opens;
    const size_t begin = rendered.find(first, question);
    REQUIRE(begin != std::string::npos);
    const size_t end =
        std::min(rendered.find("<|im_end|>", begin), rendered.find("<|eot_id|>", begin));
    for (const size_t step : {1, 5, 1000}) {
      const Parsed parsed = parse(syntax, rendered.substr(begin, end - begin), step);
      CHECK_FALSE(parsed.broken);
      CHECK(parsed.text == "");
      REQUIRE(parsed.calls.size() == 1);
      CHECK(parsed.calls[0].name == "get_weather");
      CHECK(parsed.calls[0].arguments == R"({"city":"Paris","days":1})");
    }
  }
}

TEST_CASE("XML calls are typed by the schema and parsed however the text is cut up") {
  const std::string text = "I look.\n\n" + std::string(kXml) + "\n" + std::string(kXml);
  for (const size_t step : {1, 3, 1000}) {
    const Parsed parsed = parse(CallSyntax::xml, text, step);
    CHECK(parsed.text == "I look.\n\n");
    CHECK_FALSE(parsed.broken);
    REQUIRE(parsed.calls.size() == 2);
    CHECK(parsed.calls[1].arguments == R"({"days":1,"city":"Pa\"ris\n<b>","exact":true})");
  }
}

TEST_CASE("XML calls without outer tags, within reasoning, and about the format itself") {
  CallParserOptions thinks;
  thinks.split_reasoning = thinks.starts_in_reasoning = true;
  for (const size_t step : {1, 1000}) {
    const Parsed bare = parse(CallSyntax::xml,
                              "Well.\n<function=get_weather>\n<parameter=city>\nOslo\n"
                              "</parameter>\n</function>", step);
    CHECK(bare.text == "Well.\n");
    REQUIRE(bare.calls.size() == 1);
    CHECK(bare.calls[0].arguments == R"({"city":"Oslo"})");
    CHECK_FALSE(bare.broken);

    const Parsed inside = parse(CallSyntax::xml, "Hm.\n" + std::string(kXml), step, thinks);
    CHECK(inside.reasoning == "Hm.");
    CHECK(inside.text == "");
    CHECK(inside.calls.size() == 1);

    const Parsed about = parse(CallSyntax::xml,
                               "<tool_call>\n<function=get_weather>\n<parameter=city>\na\n"
                               "</parameter>\n<parameter=other>\nb\n</parameter> c\n</parameter>\n"
                               "<parameter=days>\nsoon\n</parameter>\n</function>\n</tool_call>",
                               step);
    REQUIRE(about.calls.size() == 1);
    CHECK(OrderedJson::parse(about.calls[0].arguments)["city"] ==
          "a\n</parameter>\n<parameter=other>\nb\n</parameter> c");
    CHECK(OrderedJson::parse(about.calls[0].arguments)["days"] == "soon");

    const Parsed cut = parse(CallSyntax::xml,
                             "<tool_call>\n<function=get_weather>\n<parameter=city>\nOs", step);
    CHECK(cut.broken);
    CHECK(cut.calls.empty());
    CHECK(cut.text == "");
  }
}

TEST_CASE("reasoning and content are split, and no tag of them is shown") {
  CallParserOptions splits, thinks;
  splits.split_reasoning = thinks.split_reasoning = thinks.starts_in_reasoning = true;
  for (const size_t step : {1, 4, 1000}) {
    const Parsed open = parse(CallSyntax::xml, "I think.\n</think>\n\nYes.", step, thinks);
    CHECK(open.reasoning == "I think.");
    CHECK(open.text == "Yes.");
    const Parsed whole =
        parse(CallSyntax::hermes_json, "<think>\n\n</think>\n\nA < b", step, splits);
    CHECK(whole.reasoning == "");
    CHECK(whole.text == "A < b");
    CHECK(parse(CallSyntax::kimi, "A</think>B", step, splits).text == "AB");
  }
  CHECK(parse(CallSyntax::xml, "<think>a</think>b", 1).text == "<think>a</think>b");
}

TEST_CASE("Llama 3 writes the object alone; another object is text") {
  for (const size_t step : {1, 6, 1000}) {
    for (const std::string& before : {std::string(), std::string("<|python_tag|>")}) {
      const Parsed parsed = parse(CallSyntax::llama3_json, before + std::string(kLlama), step);
      REQUIRE(parsed.calls.size() == 1);
      CHECK(parsed.calls[0].arguments == R"({"city":"Paris","days":1})");
      CHECK(parsed.text == "");
      CHECK_FALSE(parsed.broken);
    }
    const Parsed other = parse(CallSyntax::llama3_json, "{\"a\": 1} is it", step);
    CHECK(other.calls.empty());
    CHECK(other.text == "{\"a\": 1} is it");
    CHECK(parse(CallSyntax::llama3_json, "{\"a\": ", step).text == "{\"a\": ");
    CHECK(parse(CallSyntax::llama3_json, "No {\"name\": 1}", step).text == "No {\"name\": 1}");
  }
}

TEST_CASE("Kimi's sections hold several calls") {
  for (const size_t step : {1, 7, 1000}) {
    const Parsed parsed = parse(CallSyntax::kimi, "Both." + std::string(kKimi), step);
    CHECK(parsed.text == "Both.");
    CHECK_FALSE(parsed.broken);
    REQUIRE(parsed.calls.size() == 2);
    CHECK(parsed.calls[0].name == "get_weather");
    CHECK(parsed.calls[1].arguments == R"({"city":"Oslo"})");
  }
  CHECK(parse(CallSyntax::kimi, "<|tool_call_begin|>functions.x:0{}<|tool_call_end|>", 3).broken);
}

TEST_CASE("the canonical calls of every syntax are allowed, and nothing that breaks them") {
  const auto tokenizer = tiny_tokenizer();
  const std::pair<CallSyntax, std::string_view> kCalls[] = {
      {CallSyntax::xml, kXml}, {CallSyntax::llama3_json, kLlama}, {CallSyntax::kimi, kKimi}};
  for (const auto& [syntax, text] : kCalls) {
    Constraint constraint(weather(syntax), *tokenizer);
    CHECK(feed_bytes(constraint, *tokenizer, text) == "");
    CHECK(constraint.may_end());
  }
  const auto refused = [&](CallSyntax syntax, std::string_view text) {
    Constraint constraint(weather(syntax), *tokenizer);
    return feed_bytes(constraint, *tokenizer, text);
  };
  const std::string call = "<tool_call>\n<function=get_weather>\n";
  CHECK(refused(CallSyntax::xml, call + "</function>") == "/function>");
  CHECK(refused(CallSyntax::xml, call + "<parameter=unit>\nK") == "K");
  CHECK(refused(CallSyntax::xml, call + "<parameter=days>\n1\n</parameter>\n<parameter=d") == "d");
  CHECK(refused(CallSyntax::xml, call + "<parameter=city>\na</parameter>") == ">");
  CHECK(refused(CallSyntax::xml, "So.\n<function=get_time") == "time");
  CHECK(refused(CallSyntax::llama3_json, "{\"name\": \"x") == "x");
  CHECK(refused(CallSyntax::llama3_json, "{\"n\": \"x\"} {\"name\": \"x") == "");
  CHECK(refused(CallSyntax::kimi, "<|tool_calls_section_begin|><|tool_call_begin|>functions.x") ==
        "x");
}

TEST_CASE("a call of any syntax that is cut off anywhere is closed so that it parses") {
  const auto tokenizer = tiny_tokenizer();
  const std::pair<CallSyntax, std::string_view> kCalls[] = {
      {CallSyntax::xml, kXml}, {CallSyntax::llama3_json, kLlama}, {CallSyntax::kimi, kKimi}};
  for (const auto& [syntax, text] : kCalls) {
    Constraint constraint(weather(syntax), *tokenizer);
    for (size_t at = 0; at < text.size(); ++at) {
      if (constraint.inside_call()) {
        const std::string closed =
            std::string(text.substr(0, at)) + tokenizer->decode(constraint.closing());
        INFO(closed);
        const Parsed parsed = parse(syntax, closed, 1000);
        CHECK_FALSE(parsed.broken);
        REQUIRE(parsed.calls.size() >= 1);
        for (const ParsedCall& call : parsed.calls) {
          CHECK(OrderedJson::parse(call.arguments)["city"].is_string());
        }
      }
      REQUIRE(feed_bytes(constraint, *tokenizer, text.substr(at, 1)) == "");
    }
  }
}
