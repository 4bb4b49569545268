// Logits of whole models against golden files (fixtures README: float64 or llama.cpp).

#include <algorithm>

#include "tests/engine/support.h"

namespace corvid::test {
namespace {

constexpr float kTolerance = 2e-4f;

struct Golden {
  std::filesystem::path model;
  std::vector<Token> tokens;
  std::vector<Token> greedy;
  Array logits;
  std::optional<Array> long_logits;
  std::vector<int64_t> long_positions;
};

Golden read_golden(const std::filesystem::path& models, const std::filesystem::path& logits,
                   const std::string& name) {
  Golden golden;
  golden.model = models / (name + ".gguf");
  const Json json = parse_json(read_file(logits / (name + ".json")), name + ".json");
  golden.tokens = json.at("tokens").get<std::vector<Token>>();
  if (json.contains("greedy")) golden.greedy = json.at("greedy").get<std::vector<Token>>();
  // The peer's own tokens come of activations rounded to 8 bits; those of exact ones are here.
  const auto index = logits.parent_path() / "index.json";
  if (std::filesystem::exists(index)) {
    for (const Json& entry : parse_json(read_file(index), "index.json")) {
      if (entry.at("name") != name || !entry.contains("ideal_greedy")) continue;
      golden.greedy = entry.at("ideal_greedy").get<std::vector<Token>>();
    }
  }
  const auto ideal = logits / (name + ".ideal.npy");
  golden.logits =
      read_npy(std::filesystem::exists(ideal) ? ideal : logits / (name + ".logits.npy"));
  if (std::filesystem::exists(logits / (name + ".long.npy"))) {
    golden.long_logits = read_npy(logits / (name + ".long.npy"));
    golden.long_positions = json.at("long_positions").get<std::vector<int64_t>>();
  }
  return golden;
}

std::vector<float> all_rows(const Golden& golden, const EngineOptions& options, bool by_step) {
  const auto model = Engine::load(golden.model, options);
  const auto sequence = model->open();
  if (!by_step) return append(*model, *sequence, golden.tokens, true);
  std::vector<float> logits;
  for (const Token token : golden.tokens) {
    const std::vector<float> row = step(*model, *sequence, token);
    logits.insert(logits.end(), row.begin(), row.end());
  }
  return logits;
}

void check_long(const Golden& golden, const EngineOptions& options) {
  if (!golden.long_logits) return;
  const auto model = Engine::load(golden.model, options);
  const auto vocab = static_cast<int64_t>(model->summary().vocab_size);
  std::vector<Token> tokens(640);
  for (size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<Token>((static_cast<int64_t>(i) * 7919 + 13) %
                                   std::min<int64_t>(vocab, 496));
  }
  const auto sequence = model->open();
  const std::vector<float> logits = append(*model, *sequence, tokens, true);
  std::vector<float> rows;
  for (const int64_t position : golden.long_positions) {
    rows.insert(rows.end(), logits.begin() + position * vocab,
                logits.begin() + (position + 1) * vocab);
  }
  CHECK(max_difference(rows, golden.long_logits->data) < kTolerance);
}

void check_greedy(const Golden& golden, const EngineOptions& options) {
  if (golden.greedy.empty()) return;
  const auto model = Engine::load(golden.model, options);
  const auto sequence = model->open();
  std::vector<float> logits = append(*model, *sequence, golden.tokens);
  std::vector<Token> greedy;
  while (greedy.size() < golden.greedy.size()) {
    greedy.push_back(best(logits));
    logits = step(*model, *sequence, greedy.back());
  }
  CHECK(greedy == golden.greedy);
}

void check_model(const Golden& golden, const EngineOptions& options) {
  EngineOptions small = options;
  small.chunk_tokens = 7;
  EngineOptions whole = options;
  whole.chunk_tokens = 4096;
  CHECK(max_difference(all_rows(golden, options, false), golden.logits.data) < kTolerance);
  CHECK(max_difference(all_rows(golden, whole, false), golden.logits.data) < kTolerance);
  CHECK(max_difference(all_rows(golden, small, false), golden.logits.data) < kTolerance);
  CHECK(max_difference(all_rows(golden, options, true), golden.logits.data) < kTolerance);
  check_long(golden, options);
  check_greedy(golden, options);
}

const char* const kNames[] = {
    "gated-deltanet2", "gated-deltanet2-swa", "gated-deltanet2.Q8_0", "gated-deltanet2-swa.Q8_0",
    "nemotron_h", "nemotron_h-k.Q8_0", "qwen3", "llama", "llama-spm", "llama.F16",
    "nemotron_h_moe", "nemotron_h_moe_latent", "nemotron_h_moe.Q8_0", "qwen3next",
    "qwen3next.Q8_0", "qwen35", "qwen35.BF16", "qwen35_mtp", "qwen35moe", "step35", "mamba2",
    "kimi-linear", "kimi-linear.Q8_0", "hgrn2", "hgrn2-hybrid", "hgrn2-hybrid.Q8_0",
    "llama-k.Q4_0", "llama-k.Q4_K_M", "llama-k.Q8_0", "nemotron_h-k.Q4_K_M", "nemotron_h-k.Q6_K",
    "qwen35-k.Q4_0", "qwen35-k.Q4_K_M", "qwen35-k.Q5_K_M", "qwen35-k.Q6_K", "qwen35-k.Q8_0",
    "qwen35moe-k.Q4_K_M"};

EngineOptions backend(const std::string& name, const std::string& level) {
  EngineOptions options;
  options.backend = name;
  options.cpu_level = level;
  options.int8_activations = false;
  options.thread_count = 2;
  return options;
}

}  // namespace

TEST_CASE("the small golden model gives its golden logits on every backend") {
  // tests/golden/engine/gated-deltanet2-swa.Q8_0.{gguf,json,ideal.npy}
  const Golden small = read_golden(golden("engine"), golden("engine"), "gated-deltanet2-swa.Q8_0");
  check_model(small, backend("reference", ""));
  check_model(small, backend("cpu", "scalar"));
  check_model(small, backend("cpu", ""));
}

TEST_CASE("models give their golden logits in batch, by step and in chunks") {
  const auto path = fixtures();
  if (path.empty()) return;
  for (const char* name : kNames) {
    const Golden golden = read_golden(path / "models", path / "logits", name);
    for (const char* level : {"scalar", ""}) {
      INFO(name << " cpu " << level);
      check_model(golden, backend("cpu", level));
    }
  }
}

TEST_CASE("the reference backend gives the golden logits") {
  const auto path = fixtures();
  if (path.empty()) return;
  for (const char* name : kNames) {
    INFO(name);
    const Golden golden = read_golden(path / "models", path / "logits", name);
    CHECK(max_difference(all_rows(golden, backend("reference", ""), false), golden.logits.data) <
          kTolerance);
  }
}

}  // namespace corvid::test
