#include <filesystem>

#include <catch2/catch.hpp>

#include "engine/constraint.h"
#include "engine/sampling.h"
#include "engine/tokenizer.h"
#include "runtime/base/json.h"
#include "tests/engine/support.h"

using namespace corvid;
using namespace corvid::engine;

namespace {

// A random model with a real (small) vocabulary.
std::unique_ptr<Engine> load() {
  EngineOptions options;
  options.cpu_level = "scalar";
  options.thread_count = 1;
  return Engine::load(test::golden("engine/gated-deltanet2-swa.Q8_0.gguf"), options);
}

ConstraintSpec call_spec() {
  ConstraintSpec spec;
  spec.tools = {{"read", R"({"properties": {"path": {"type": "string", "maxLength": 20},
                             "line": {"type": "integer", "minimum": 1, "maximum": 99}},
                             "required": ["path"]})", {}, {}}};
  spec.call_required = true;
  spec.allow_text = false;
  return spec;
}

struct Run {
  Generation made;
  std::string shown;
  std::vector<Token> sequence;
};

Run run(Engine& engine, const SamplingParams& params, Constraint* constraint,
        std::stop_token stop = {}) {
  const auto sequence = engine.open();
  const std::vector<Token> prompt = engine.tokenizer().encode("def f(a):\n    return", false);
  std::vector<float> logits(static_cast<size_t>(engine.summary().vocab_size));
  engine.append(*sequence, prompt, logits, false, {});
  Run result;
  result.made = generate(engine, *sequence, logits, params, constraint,
                         [&](std::string_view text) { result.shown += text; }, stop);
  const auto tokens = sequence->tokens();
  result.sequence.assign(tokens.begin() + static_cast<std::ptrdiff_t>(prompt.size()),
                         tokens.end());
  return result;
}

}  // namespace

TEST_CASE("a generation is the same for the same seed, and all of it is in the sequence") {
  const auto engine = load();
  SamplingParams params;
  params.temperature = 1;
  params.seed = 3;
  params.tokens_max = 40;
  const Run first = run(*engine, params, nullptr), again = run(*engine, params, nullptr);
  CHECK(first.made.tokens == again.made.tokens);
  CHECK(first.made.tokens == first.sequence);
  CHECK(first.shown == first.made.text);
  params.seed = 4;
  CHECK(run(*engine, params, nullptr).made.tokens != first.made.tokens);
}

TEST_CASE("a constrained generation parses at every limit") {
  const auto engine = load();
  const ConstraintSpec spec = call_spec();
  for (int limit = 1; limit < 70; limit += 3) {
    INFO("limit " << limit);
    Constraint constraint(spec, engine->tokenizer());
    SamplingParams params;
    params.temperature = 1;
    params.seed = static_cast<uint64_t>(limit);
    params.tokens_max = limit;
    const Run result = run(*engine, params, &constraint);
    CHECK(result.made.tokens == result.sequence);
    CHECK(result.shown == result.made.text);
    CallParser parser(CallSyntax::hermes_json);
    parser.push(result.made.text);
    parser.finish();
    CHECK_FALSE(parser.broken());
    REQUIRE(parser.calls().size() == 1);
    CHECK(Json::parse(parser.calls()[0].arguments)["path"].is_string());
    const bool ended = engine->tokenizer().is_end(result.made.tokens.back());
    CHECK(ended == (result.made.finish == FinishReason::end));
  }
}

TEST_CASE("a stop string ends the text before it") {
  const auto engine = load();
  SamplingParams params;
  params.tokens_max = 60;
  const std::string whole = run(*engine, params, nullptr).made.text;
  REQUIRE(whole.size() > 12);
  params.stop = {whole.substr(8, 3)};
  const Run result = run(*engine, params, nullptr);
  CHECK(result.made.finish == FinishReason::stop_string);
  CHECK(result.made.text == whole.substr(0, whole.find(params.stop[0])));
  CHECK(result.shown == result.made.text);
  CHECK(result.made.tokens == result.sequence);
}

TEST_CASE("a stopped generation says so") {
  const auto engine = load();
  std::stop_source source;
  source.request_stop();
  const Run result = run(*engine, {}, nullptr, source.get_token());
  CHECK(result.made.finish == FinishReason::cancelled);
  CHECK(result.made.tokens.empty());
}

TEST_CASE("the default model's calls are allowed as it was taught to write them") {
  const auto root = std::filesystem::path(CORVID_SOURCE_DIR);
  if (!std::filesystem::exists(root / "examples/fledgling/fledgling.gguf")) {
    WARN("SKIP: the default model has not been built");
    return;
  }
  EngineOptions options;
  options.thread_count = 1;
  const auto engine = Engine::load(root / "examples/fledgling/fledgling.gguf", options);
  const Tokenizer& tokenizer = engine->tokenizer();
  const std::string lines = read_file(test::golden("fledgling_samples.jsonl"));
  const std::string file = R"({"properties": {"path": {"type": "string"}, "line": {"type":
      "integer"}, "lines": {"type": "string"}, "offset": {"type": "integer"},
      "limit": {"type": "integer"}}})";
  ConstraintSpec spec;
  spec.tools = {{"shell", R"({"properties": {"command": {"type": "string"}}})", {}, {}},
                {"read_file", file, {}, {}},
                {"suggest_edits", file, {}, {}},
                {"edit_file", R"({"properties": {"choice": {"type": "string"}}})", {}, {}},
                {"finish", R"({"properties": {"summary": {"type": "string"}}})", {}, {}}};
  int calls = 0;
  for (size_t at = 0; at < lines.size(); at = lines.find('\n', at) + 1) {
    const Json sample = Json::parse(lines.substr(at, lines.find('\n', at) - at));
    const std::string text = sample["text"];
    CHECK(Json(tokenizer.encode(text, true)) == sample["tokens"]);
    for (size_t open = 0; (open = text.find("<tool_call>", open)) != std::string::npos; ++open) {
      const size_t end = text.find("<|im_end|>", open) + 10;
      const std::string call = text.substr(open, end - open);
      INFO(call);
      Constraint constraint(spec, tokenizer);
      std::vector<float> logits(static_cast<size_t>(tokenizer.vocab_size()));
      for (Token token : tokenizer.encode(call, true)) {
        std::fill(logits.begin(), logits.end(), 0.0f);
        constraint.mask(logits);
        REQUIRE(logits[static_cast<size_t>(token)] == 0);
        constraint.accept(token);
      }
      CHECK(constraint.may_end());
      ++calls;
    }
  }
  CHECK(calls > 10);
}
