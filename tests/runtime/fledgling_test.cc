// The default model against its recipe: the samples it was trained on are what the product renders,
// and its file computes what the recipe's own forward pass computed.

#include <catch2/catch.hpp>

#include <filesystem>

#include "engine/chat.h"
#include "engine/engine.h"
#include "engine/gguf.h"
#include "engine/tokenizer.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/edit_scorer.h"
#include "runtime/prompt.h"
#include "runtime/provider.h"
#include "tools/toolbox.h"

using namespace corvid;
using engine::Token;

namespace {

const std::filesystem::path kSource = CORVID_SOURCE_DIR;

std::string model_path() { return (kSource / "examples/fledgling/fledgling.gguf").string(); }

}  // namespace

TEST_CASE("training samples are rendered and tokenised by the product as by the recipe") {
  const auto file = engine::GgufFile::open(model_path());
  const auto tokenizer = engine::Tokenizer::make(*file);
  const engine::ChatTemplate chat_template(file->string("tokenizer.chat_template").value());
  const std::string samples = read_file(kSource / "tests/golden/fledgling_samples.jsonl");
  int count = 0;
  for (const std::string_view line : split_lines(samples)) {
    const auto sample = engine::OrderedJson::parse(line);
    engine::OrderedJson context = {{"messages", sample.at("messages")},
                                   {"add_generation_prompt", false}};
    for (const auto& name : sample.at("tools")) {
      context["tools"].push_back({{"type", "function"}, {"function", {{"name", name}}}});
    }
    const std::string text = chat_template.render(context);
    CHECK(text == sample.at("text").get<std::string>());
    CHECK(tokenizer->encode(text, true) == sample.at("tokens").get<std::vector<Token>>());
    ++count;
  }
  CHECK(count >= 8);
}

TEST_CASE("the shipped model computes the recipe's logits") {
  const auto engine = engine::Engine::load(model_path(), {});
  const Json golden = parse_json(read_file(kSource / "examples/fledgling/golden.json"), "golden");
  for (const Json& item : golden) {
    const auto tokens = item.at("tokens").get<std::vector<Token>>();
    std::vector<float> logits(size_t(engine->summary().vocab_size));
    const auto sequence = engine->open();
    engine->append(*sequence, tokens, logits, false, {});
    for (const Json& top : item.at("top")) {
      CHECK(logits.at(top.at(0).get<size_t>()) == Approx(top.at(1).get<double>()).margin(2e-3));
    }
  }
}

TEST_CASE("the model's profile names tools and arguments that exist, and leaves each call possible") {
  const auto file = engine::GgufFile::open(model_path());
  const runtime::ModelProfile profile = runtime::parse_profile(*file->string("corvid.profile"));
  const tools::Toolbox toolbox(profile.tools);
  for (const auto& [name, source] : profile.offered) {
    const size_t dot = name.find('.');
    const tools::Tool* tool = toolbox.find(name.substr(0, dot));
    REQUIRE(tool != nullptr);
    const Json schema = parse_json(tool->spec().schema, name);
    CHECK(schema.at("properties").contains(name.substr(dot + 1)));
  }
  for (const auto& tool : runtime::declare_tools(toolbox, profile)) {
    const Json schema = parse_json(tool.schema, tool.name);
    for (const Json& key : schema.value("required", Json::array())) {
      CHECK(schema.at("properties").contains(key.get<std::string>()));
    }
  }
}

TEST_CASE("a profile with a rank of the wrong types is not well-formed") {
  for (const char* profile :
       {R"({"rank": {"format": "read-twice", "weight": "much"}})", R"({"rank": {"format": 1}})",
        R"({"rank": []})", R"({"rank": {"format": "other"}})", "[", R"({"rank": 3})"}) {
    CAPTURE(profile);
    try {
      runtime::parse_rank_settings(profile);
      FAIL("taken");
    } catch (const Error& error) {
      CHECK(error.code() == Code::corrupt);
    }
  }
  CHECK_FALSE(runtime::parse_rank_settings("{}").is_read_twice);
}
