// Writing quantized weights: what is read back, and what a model then says.
#include "engine/quantize.h"

#include <filesystem>

#include "engine/backends/common/dequantize.h"
#include "runtime/base/error.h"
#include "tests/engine/random_weights.h"
#include "tests/engine/support.h"

namespace corvid::test {
namespace {

using engine::GgufFile;
using engine::quantize;
using engine::TensorType;

struct Bound {
  TensorType type;
  double nmse;  // of values spread evenly over [-1, 1]
};
constexpr Bound kBounds[] = {{TensorType::f32, 0},       {TensorType::f16, 1e-7},
                             {TensorType::bf16, 1e-5},   {TensorType::q8_0, 3e-5},
                             {TensorType::q6_k, 4e-4},   {TensorType::q5_0, 1.2e-3},
                             {TensorType::q4_k, 3.5e-3}, {TensorType::q4_0, 5e-3}};

double nmse(std::span<const float> found, std::span<const float> wanted) {
  double error = 0, power = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    error += std::pow(double(found[i]) - wanted[i], 2);
    power += std::pow(double(wanted[i]), 2);
  }
  return error / power;
}

std::vector<float> there_and_back(TensorType type, std::span<const float> values) {
  const std::vector<std::byte> packed = quantize(type, values);
  std::vector<float> back(values.size());
  engine::dequantize_row(type, packed.data(), static_cast<int64_t>(values.size()), back.data());
  return back;
}

}  // namespace

TEST_CASE("weights written in every type are read back within its error") {
  Random random(40);
  const std::vector<float> values = random.fill(256 * 40, -1, 1);
  for (const Bound& bound : kBounds) {
    INFO(engine::type_info(bound.type).name);
    CHECK(nmse(there_and_back(bound.type, values), values) <= bound.nmse);
    for (const float scale : {1e-3f, 50.0f}) {
      std::vector<float> scaled = values;
      for (float& value : scaled) value *= scale;
      CHECK(nmse(there_and_back(bound.type, scaled), scaled) <= 1.1 * bound.nmse + 1e-5);
    }
  }
}

TEST_CASE("blocks of zeros, of one value and with one large value stay what they are") {
  for (const Bound& bound : kBounds) {
    INFO(engine::type_info(bound.type).name);
    std::vector<float> values(512, 0.0f);
    CHECK(there_and_back(bound.type, values) == values);
    for (const float constant : {0.25f, -3.0f}) {
      std::fill(values.begin(), values.end(), constant);
      CHECK(max_difference(there_and_back(bound.type, values), values) <= 0.02f);
    }
    std::fill(values.begin(), values.end(), 0.0f);
    values[300] = -8;
    CHECK(max_difference(there_and_back(bound.type, values), values) <= 0.05f);
  }
}

TEST_CASE("types that are not written are refused") {
  CHECK(engine::writable_type("q4_k") == TensorType::q4_k);
  CHECK(engine::writable_type("BF16") == TensorType::bf16);
  CHECK_FALSE(engine::writable_type("Q4_").has_value());
  CHECK_FALSE(engine::writable_type("IQ4_XS").has_value());
  const std::vector<float> values(256);
  CHECK_THROWS_AS(quantize(TensorType::q2_k, values), Error);
  CHECK_THROWS_AS(quantize(TensorType::q8_0, std::span(values).first(33)), Error);
}

TEST_CASE("Q8_0 is as near to the weights as what the gguf package writes") {
  const auto folder = fixtures();
  if (folder.empty()) return;
  const auto source = GgufFile::open(folder / "models/gated-deltanet2.gguf");
  const auto wanted = GgufFile::open(folder / "models/gated-deltanet2.Q8_0.gguf");
  int compared = 0;
  for (const engine::TensorView& tensor : wanted->tensors()) {
    if (tensor.type != TensorType::q8_0) continue;
    const engine::TensorView* from = source->tensor(tensor.name);
    REQUIRE(from != nullptr);
    const std::span values(reinterpret_cast<const float*>(from->data),
                           static_cast<size_t>(from->element_count()));
    std::vector<float> peer(values.size());
    engine::dequantize_row(tensor.type, tensor.data, tensor.element_count(), peer.data());
    CHECK(nmse(there_and_back(TensorType::q8_0, values), values) <= 1.001 * nmse(peer, values));
    ++compared;
  }
  CHECK(compared > 20);
}

// Models this small are changed more by rounding than large ones.
TEST_CASE("a model that is quantized keeps its metadata and stays near to what it said") {
  const auto folder = fixtures();
  if (folder.empty()) return;
  const auto out = std::filesystem::temp_directory_path() / "corvid-quantize-test.gguf";
  const struct {
    const char* model;
    TensorType type;
    double bound;
  } kCases[] = {{"llama-k.Q8_0", TensorType::f16, 2e-6},  {"llama-k.Q8_0", TensorType::q4_k, 0.1},
                {"qwen35-k.Q8_0", TensorType::q6_k, 2e-2}, {"qwen35", TensorType::q8_0, 5e-2},
                {"nemotron_h", TensorType::q5_0, 8e-2},
                {"llama-k.Q8_0", TensorType::q4_0, 0.15}};
  for (const auto& [model, type, bound] : kCases) {
    INFO(model << " " << engine::type_info(type).name);
    const auto source = folder / "models" / (std::string(model) + ".gguf");
    const auto before = GgufFile::open(source);
    const engine::QuantizeReport report = engine::quantize_file(*before, type, out);
    CHECK(report.quantized_count > 0);
    CHECK(report.tensor_count == static_cast<int64_t>(before->tensors().size()));
    const auto after = GgufFile::open(out);
    for (const char* key : {"general.architecture", "tokenizer.ggml.model"}) {
      CHECK(after->string(key) == before->string(key));
    }
    for (const engine::TensorView& tensor : after->tensors()) {
      const bool vector = tensor.dim_count < 2 || tensor.name.find("_norm") != std::string::npos;
      CHECK((!vector || tensor.type == TensorType::f32));
    }
    std::vector<Token> tokens(48);
    for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<Token>(i * 37 % 400 + 5);
    std::vector<float> logits[2];
    for (int i = 0; i < 2; ++i) {
      engine::EngineOptions exact = {"cpu", "", 1};
      exact.int8_activations = false;  // its rounding would hide that of the weights
      const auto loaded = Engine::load(i == 0 ? source : out, exact);
      const auto sequence = loaded->open();
      logits[i] = append(*loaded, *sequence, tokens, true);
    }
    CHECK(nmse(logits[1], logits[0]) < bound);
  }
  std::filesystem::remove(out);
}

}  // namespace corvid::test
