#include <cmath>
#include <limits>
#include <map>

#include <catch2/catch.hpp>

#include "engine/sample/text_output.h"
#include "engine/sampling.h"
#include "runtime/base/error.h"
#include "tests/engine/tiny_tokenizer.h"

using namespace corvid;
using namespace corvid::engine;

namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();

std::map<Token, int> draw(const SamplingParams& params, const std::vector<float>& logits,
                          int count) {
  std::map<Token, int> drawn;
  for (int i = 0; i < count; ++i) {
    std::vector<float> copy = logits;
    ++drawn[sample(copy, params, {}, static_cast<uint64_t>(i))];
  }
  return drawn;
}

}  // namespace

TEST_CASE("greedy takes the likeliest token, the first of equals") {
  std::vector<float> logits{1, 3, kForbidden, 3, std::nanf("")};
  CHECK(sample(logits, {}, {}, 0) == 1);
}

TEST_CASE("what is forbidden is not drawn at any temperature, and a temperature is a number") {
  constexpr float kInfinite = std::numeric_limits<float>::infinity();
  SamplingParams params;
  params.temperature = 3e38f;
  const std::map<Token, int> drawn = draw(params, {1, kForbidden, 3, kForbidden}, 200);
  CHECK(drawn.size() == 2);
  CHECK(drawn.count(1) + drawn.count(3) == 0);
  for (const float temperature : {std::nanf(""), kInfinite, -kInfinite}) {
    params.temperature = temperature;
    CHECK_THROWS_WITH(draw(params, {1, 2}, 1), "temperature is no finite number");
  }
  params.temperature = 1;
  params.repetition_penalty = 0;
  CHECK_THROWS_AS(draw(params, {1, 2}, 1), Error);
}

TEST_CASE("a draw depends on seed and step only") {
  const std::vector<float> logits{0.1f, 0.2f, 0.3f, 0.4f, 0.5f};
  SamplingParams params;
  params.temperature = 1;
  std::vector<Token> first, second, other;
  for (uint64_t step = 0; step < 64; ++step) {
    std::vector<float> a = logits, b = logits, c = logits;
    params.seed = 7;
    first.push_back(sample(a, params, {}, step));
    second.push_back(sample(b, params, {}, step));
    params.seed = 8;
    other.push_back(sample(c, params, {}, step));
  }
  CHECK(first == second);
  CHECK(first != other);
}

TEST_CASE("draws follow the distribution at the given temperature") {
  SamplingParams params;
  params.temperature = 2;
  const std::vector<float> logits{0, 2 * std::log(3.0f), kForbidden};
  const auto drawn = draw(params, logits, 20000);
  CHECK(drawn.count(2) == 0);
  CHECK(drawn.at(1) / 20000.0 == Approx(0.75).margin(0.015));
}

TEST_CASE("top-k, top-p and min-p leave out the unlikely") {
  const std::vector<float> logits{std::log(0.5f), std::log(0.3f), std::log(0.15f), std::log(0.05f)};
  SamplingParams params;
  params.temperature = 5;
  params.top_k = 2;
  CHECK(draw(params, logits, 500).size() == 2);
  params.top_k = 0;
  params.top_p = 0.9f;
  CHECK(draw(params, logits, 500).size() == 3);
  params.top_p = 1;
  params.min_p = 0.2f;
  CHECK(draw(params, logits, 500).size() == 3);
  params.min_p = 2;
  CHECK(draw(params, logits, 500).size() == 1);

  // Of many, nearly alike, in no order: token i is the (7 i mod 3001)th.
  std::vector<float> many;
  for (int i = 0; i < 3001; ++i) many.push_back(-0.001f * float(7 * i % 3001));
  params = {};
  params.temperature = 5;
  const auto check_first = [&](size_t count) {
    const auto drawn = draw(params, many, int(10 * count));
    CHECK(drawn.size() > count * 9 / 10);
    for (const auto& [token, times] : drawn) CHECK(size_t(7 * token % 3001) < count);
  };
  check_first(3001);
  params.top_k = 700;
  check_first(700);
  params.top_k = 0;
  params.min_p = std::exp(-0.0995f);
  check_first(100);
}

TEST_CASE("penalties see the newest tokens only") {
  SamplingParams params;
  params.repetition_penalty = 4;
  params.penalty_window = 1;
  const std::vector<Token> recent{0, 1};
  std::vector<float> logits{2, 3, 1};
  CHECK(sample(logits, params, recent, 0) == 0);
  CHECK(logits[1] == 0.75f);
  params = {};
  params.frequency_penalty = 1;
  params.presence_penalty = 0.5f;
  logits = {2, 3, 1};
  const std::vector<Token> twice{1, 1};
  CHECK(sample(logits, params, twice, 0) == 0);
  CHECK(logits[1] == 0.5f);
}

TEST_CASE("where nothing is allowed nothing is drawn") {
  std::vector<float> logits(4, kForbidden);
  CHECK_THROWS_AS(sample(logits, {}, {}, 0), Error);
}

TEST_CASE("text ends before a stop string and never shows a part of it") {
  const auto tokenizer = test::tiny_tokenizer();
  std::string shown;
  const std::function<void(std::string_view)> on_text = [&](std::string_view t) { shown += t; };
  const std::vector<std::string> stops{"STOP", "TOY"};
  TextOutput output(*tokenizer, stops, on_text);
  bool stopped = false;
  for (char c : std::string("a STO x STOP b")) {
    stopped = output.push(tokenizer->find(std::string(1, c)), true);
    if (stopped) break;
    CHECK(shown.find("STOP") == std::string::npos);
    CHECK_FALSE(shown.ends_with("S"));
  }
  CHECK(stopped);
  CHECK(output.finish() == "a STO x ");
  CHECK(shown == "a STO x ");
}

TEST_CASE("held text is shown at the end") {
  const auto tokenizer = test::tiny_tokenizer();
  std::string shown;
  const std::function<void(std::string_view)> on_text = [&](std::string_view t) { shown += t; };
  const std::vector<std::string> stops{"STOP"};
  TextOutput output(*tokenizer, stops, on_text);
  for (char c : std::string("xST")) {
    CHECK_FALSE(output.push(tokenizer->find(std::string(1, c)), true));
  }
  CHECK(shown == "x");
  CHECK(output.finish() == "xST");
  CHECK(shown == "xST");
}
