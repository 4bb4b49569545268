// Files of one model in two layouts of tensors give the same logits.

#include "tests/engine/random_model.h"
#include "tests/engine/support.h"

namespace corvid::test {
namespace {

using Numbers = std::vector<float>;

void put_tensor(ModelWriter& w, const std::string& name, std::vector<int64_t> shape,
                const Numbers& values) {
  w.file().add_tensor(name, engine::TensorType::f32, shape, std::as_bytes(std::span(values)));
}

// Appends `count` rows of `width` from row `first` on.
void add_rows(Numbers& to, const Numbers& from, int64_t width, int64_t first, int64_t count) {
  to.insert(to.end(), from.begin() + first * width, from.begin() + (first + count) * width);
}

void write_keys_of_joined(ModelWriter& w, const RandomModel& m) {
  write_common(w, m);
  w.integer("attention.head_count", m.head_count);
  w.integer("attention.head_count_kv", m.kv_head_count);
  w.integer("feed_forward_length", m.hidden_dim);
}

// One block of latent attention; `joined`: attn_kv_b.
void write_latent(const std::filesystem::path& path, bool joined) {
  constexpr int64_t kLatent = 12, kKey = 7, kPosition = 3, kValue = 5;
  RandomModel m;
  m.blocks = "L";
  ModelWriter w("kimi-linear", m.type, 4);
  write_keys_of_joined(w, m);
  w.integer("attention.kv_lora_rank", kLatent);
  w.integer("rope.dimension_count", kPosition);
  w.integer("attention.key_length_mla", kKey + kPosition);
  w.integer("attention.value_length_mla", kValue);
  const std::string block = block_name(0);
  w.norm(block + "attn_norm", {m.dim});
  w.matrix(block + "attn_q", m.dim, m.head_count * (kKey + kPosition));
  w.matrix(block + "attn_kv_a_mqa", m.dim, kLatent + kPosition);
  w.norm(block + "attn_kv_a_norm", {kLatent});
  w.matrix(block + "attn_output", m.head_count * kValue, m.dim);
  write_swiglu(w, m, block);
  // (heads, keys then values, latent)
  constexpr int64_t kRows = kKey + kValue;
  const Numbers all =
      Random(5).fill(static_cast<size_t>(m.head_count * kRows * kLatent), -0.5, 0.5);
  if (joined) {
    put_tensor(w, block + "attn_kv_b.weight", {kLatent, m.head_count * kRows}, all);
    return w.file().write(path);
  }
  Numbers keys, values;
  for (int64_t h = 0; h < m.head_count; ++h) {
    for (int64_t i = 0; i < kLatent * kKey; ++i) {
      keys.push_back(all[static_cast<size_t>((h * kRows + i % kKey) * kLatent + i / kKey)]);
    }
    add_rows(values, all, kLatent, h * kRows + kKey, kValue);
  }
  put_tensor(w, block + "attn_k_b.weight", {kKey, kLatent, m.head_count}, keys);
  put_tensor(w, block + "attn_v_b.weight", {kLatent, kValue, m.head_count}, values);
  w.file().write(path);
}

// One block of Gated DeltaNet, two value heads for a key head; `joined`: ssm_in.
void write_gated(const std::filesystem::path& path, bool joined) {
  RandomModel m;
  m.blocks = "D";
  const int64_t keys = m.groups * m.state_dim, value_rows = m.inner_dim / m.groups;
  ModelWriter w("qwen3next", m.type, 4);
  write_keys_of_joined(w, m);
  const std::string block = block_name(0);
  w.norm(block + "attn_norm", {m.dim});
  w.vector(block + "ssm_conv1d.weight", {m.conv_taps, 2 * keys + m.inner_dim}, -1, 1);
  w.matrix(block + "ssm_ba", m.dim, 2 * m.value_heads);
  w.vector(block + "ssm_dt.bias", {m.value_heads}, -4, 1);
  w.vector(block + "ssm_a", {m.value_heads}, -6, -0.2);
  w.norm(block + "ssm_norm", {m.inner_dim / m.value_heads});
  w.matrix(block + "ssm_out", m.inner_dim, m.dim);
  w.norm(block + "post_attention_norm", {m.dim});
  w.matrix(block + "ffn_gate", m.dim, m.hidden_dim);
  w.matrix(block + "ffn_up", m.dim, m.hidden_dim);
  w.matrix(block + "ffn_down", m.hidden_dim, m.dim);
  const int64_t rows = 2 * keys + 2 * m.inner_dim;  // q, k, v, z, each of all heads
  const Numbers all = Random(5).fill(static_cast<size_t>(rows * m.dim), -0.35, 0.35);
  Numbers qkv, z, by_head;
  add_rows(qkv, all, m.dim, 0, 2 * keys + m.inner_dim);
  add_rows(z, all, m.dim, 2 * keys + m.inner_dim, m.inner_dim);
  for (int64_t h = 0; h < m.groups; ++h) {
    add_rows(by_head, all, m.dim, h * m.state_dim, m.state_dim);
    add_rows(by_head, all, m.dim, keys + h * m.state_dim, m.state_dim);
    add_rows(by_head, all, m.dim, 2 * keys + h * value_rows, value_rows);
    add_rows(by_head, all, m.dim, 2 * keys + m.inner_dim + h * value_rows, value_rows);
  }
  if (joined) {
    put_tensor(w, block + "ssm_in.weight", {m.dim, rows}, by_head);
  } else {
    put_tensor(w, block + "attn_qkv.weight", {m.dim, 2 * keys + m.inner_dim}, qkv);
    put_tensor(w, block + "attn_gate.weight", {m.dim, m.inner_dim}, z);
  }
  w.file().write(path);
}

}  // namespace

TEST_CASE("projections that lie in one tensor give the logits of those that are apart") {
  const TempDir folder;
  const auto path = folder.path() / "m.gguf";
  const auto logits = [&path](const std::string& backend) {
    EngineOptions options;
    options.backend = backend;
    options.thread_count = 1;
    const auto model = Engine::load(path, options);
    const auto sequence = model->open();
    return append(*model, *sequence, std::vector<Token>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, true);
  };
  for (const auto& write : {write_latent, write_gated}) {
    for (const char* backend : {"cpu", "reference"}) {
      write(path, false);
      const Numbers apart = logits(backend);
      write(path, true);
      CHECK(max_difference(logits(backend), apart) < 1e-5f);
    }
  }
}

}  // namespace corvid::test
