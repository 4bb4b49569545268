// Rotary position encoding: pairings, scalings, and what files say of them.

#include "engine/backends/ops.h"
#include "engine/layers/rope.h"
#include "runtime/base/error.h"
#include "tests/engine/random_model.h"
#include "tests/engine/support.h"

namespace corvid::test {
namespace {

using engine::GgufFile;
using engine::GgufWriter;
using engine::Rope;

Rope rope_of(const GgufWriter& writer, int64_t dims, double base,
             std::span<const float> factors = {}) {
  const std::string bytes = writer.bytes();
  const auto file = GgufFile::parse(std::as_bytes(std::span(bytes)), "f.gguf");
  return engine::make_rope(engine::ModelReader(*file), dims, base, factors);
}

class ScalingWriter : public GgufWriter {
 public:
  explicit ScalingWriter(const std::string& scaling) {
    set_string("general.architecture", "a");
    if (!scaling.empty()) set_string("a.rope.scaling.type", scaling);
  }
};

// The same model with some keys set or replaced.
template <typename Change>
void rewrite(const std::filesystem::path& path, Change change) {
  GgufWriter writer;
  const auto file = GgufFile::open(path);
  for (const std::string& key : file->keys()) writer.copy_value(*file, key);
  for (const engine::TensorView& view : file->tensors()) {
    writer.add_tensor(view.name, view.type,
                      std::span(view.shape).first(static_cast<size_t>(view.dim_count)),
                      {view.data, static_cast<size_t>(view.bytes)});
  }
  change(writer);
  writer.write(path);
}

}  // namespace

TEST_CASE("YaRN keeps fast pairs, stretches slow ones and raises the magnitude") {
  ScalingWriter writer("yarn");
  writer.set_real("a.rope.scaling.factor", 4);
  writer.set_integer("a.rope.scaling.original_context_length", 32768);
  const Rope rope = rope_of(writer, 16, 1e6);
  // Computed apart from ggml's formula: pairs 2 to 5 are mixed.
  const double wanted[] = {1.0, 0.1778279410038923, 0.03162277660168379, 0.004217559938927618,
                           0.0005, 4.445698525097307e-05, 7.905694150420949e-06,
                           1.4058533129758728e-06};
  REQUIRE(rope.frequencies.size() == 8);
  for (size_t i = 0; i < 8; ++i) CHECK(rope.frequencies[i] == Approx(wanted[i]).epsilon(1e-9));
  CHECK(rope.magnitude == Approx(1.138629436));
}

TEST_CASE("linear scaling divides, factors divide, and 'none' ignores the factor") {
  ScalingWriter linear("linear"), none("none"), old("");
  linear.set_real("a.rope.scaling.factor", 8);
  none.set_real("a.rope.scaling.factor", 8);
  old.set_real("a.rope.scale_linear", 8);
  const std::vector<float> factors{1, 2, 4, 16};
  for (size_t i = 0; i < 3; ++i) {
    const double plain = std::pow(10000.0, -2.0 * static_cast<double>(i) / 6);
    CHECK(rope_of(linear, 6, 10000).frequencies[i] == Approx(plain / 8));
    CHECK(rope_of(old, 6, 10000).frequencies[i] == Approx(plain / 8));
    CHECK(rope_of(none, 6, 10000).frequencies[i] == plain);
    CHECK(rope_of(none, 6, 10000, factors).frequencies[i] == Approx(plain / factors[i]));
  }
  CHECK(rope_of(linear, 6, 10000).magnitude == 1);
  CHECK(rope_of(linear, 0, 10000).frequencies.empty());
}

TEST_CASE("impossible or unknown kinds of RoPE are refused") {
  CHECK_THROWS_WITH(rope_of(ScalingWriter("longrope"), 8, 10000),
                    Catch::EndsWith("RoPE scaling 'longrope' (known: none, linear, yarn)"));
  CHECK_THROWS_AS(rope_of(ScalingWriter(""), 7, 10000), Error);
  CHECK_THROWS_AS(rope_of(ScalingWriter(""), 8, 0), Error);
  CHECK_THROWS_AS(rope_of(ScalingWriter("yarn"), 8, 10000), Error);  // no original context
  const std::vector<float> zero{1, 0, 1, 1}, few{1};
  CHECK_THROWS_AS(rope_of(ScalingWriter(""), 8, 10000, zero), Error);
  CHECK_THROWS_AS(rope_of(ScalingWriter(""), 8, 10000, few), Error);
}

TEST_CASE("interleaved pairs turn as the same pairs in halves") {
  const auto ops = engine::make_ops("reference", {});
  Random random(2);
  const std::vector<double> frequencies{1, 0.1, 0.01};
  const int32_t positions[] = {0, 5, 1000};
  const std::vector<float> x = random.fill(3 * 2 * 7, -1, 1);
  std::vector<float> halves(x), pairs(x);
  for (size_t head = 0; head < 6; ++head) {
    for (size_t i = 0; i < 3; ++i) {
      pairs[head * 7 + 2 * i] = x[head * 7 + i];
      pairs[head * 7 + 2 * i + 1] = x[head * 7 + i + 3];
    }
  }
  ops->rope({halves.data(), 3, 2, 7, frequencies, 1.5f, false, positions});
  ops->rope({pairs.data(), 3, 2, 7, frequencies, 1.5f, true, positions});
  for (size_t head = 0; head < 6; ++head) {
    for (size_t i = 0; i < 3; ++i) {
      CHECK(pairs[head * 7 + 2 * i] == halves[head * 7 + i]);
      CHECK(pairs[head * 7 + 2 * i + 1] == halves[head * 7 + i + 3]);
    }
    CHECK(halves[head * 7 + 6] == x[head * 7 + 6]);  // not rotated, not scaled
  }
}

TEST_CASE("qwen3 reads head counts and widths per block, and scales its RoPE") {
  const TempDir folder;
  const auto plain = folder.path() / "plain.gguf", arrays = folder.path() / "arrays.gguf",
             scaled = folder.path() / "scaled.gguf";
  for (const auto& path : {plain, arrays, scaled}) write_qwen3(path, {.blocks = "AA"});
  rewrite(arrays, [](GgufWriter& writer) {
    writer.set_int_array("qwen3.attention.head_count", std::vector<int64_t>{4, 4});
    writer.set_int_array("qwen3.attention.head_count_kv", std::vector<int64_t>{2, 2});
    writer.set_int_array("qwen3.feed_forward_length", std::vector<int64_t>{40, 40});
  });
  rewrite(scaled, [](GgufWriter& writer) {
    writer.set_string("qwen3.rope.scaling.type", "yarn");
    writer.set_real("qwen3.rope.scaling.factor", 4);
    writer.set_integer("qwen3.rope.scaling.original_context_length", 64);
  });
  const auto logits = [](const std::filesystem::path& path) {
    const auto model = Engine::load(path, EngineOptions{});
    const auto sequence = model->open();
    return append(*model, *sequence, std::vector<Token>{1, 2, 3, 4, 5});
  };
  CHECK(logits(plain) == logits(arrays));
  CHECK(max_difference(logits(plain), logits(scaled)) > 1e-3f);
}

TEST_CASE("an impossible number of draft blocks or an impossible state is refused") {
  const TempDir folder;
  const auto path = folder.path() / "m.gguf";
  write_nemotron_h(path, {.blocks = "M-A"});
  rewrite(path, [](GgufWriter& writer) { writer.set_integer("nemotron_h.nextn_predict_layers", 3); });
  CHECK_THROWS_WITH(Engine::load(path, EngineOptions{}),
                    Catch::Contains("impossible nemotron_h.nextn_predict_layers"));
  write_gated_deltanet2(path, {.dim = 1, .hidden_dim = 1, .vocab_size = 4, .groups = 1,
                               .value_heads = 1, .state_dim = 70000, .inner_dim = 70000,
                               .conv_taps = 0, .blocks = "D"});
  CHECK_THROWS_WITH(Engine::load(path, EngineOptions{}),
                    Catch::Contains("impossible sizes: one sequence would need 18 GiB"));
}

}  // namespace corvid::test
