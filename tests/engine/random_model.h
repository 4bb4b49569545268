#pragma once
// Writes small models with random weights of any size, so that tests need no files and reach sizes
// that fixtures do not have.

#include <cmath>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "engine/backends/common/dequantize.h"
#include "engine/gguf.h"

namespace corvid::test {

// Uniform numbers, the same everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 2 + 1) {}
  double next() {  // [0, 1)
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<double>(state_ >> 11) * 0x1p-53;
  }
  float between(double low, double high) { return static_cast<float>(low + (high - low) * next()); }
  std::vector<float> fill(size_t count, double low, double high) {
    std::vector<float> values(count);
    for (float& value : values) value = between(low, high);
    return values;
  }

 private:
  uint64_t state_;
};

class ModelWriter {
 public:
  ModelWriter(std::string architecture, engine::TensorType type, uint64_t seed)
      : architecture_(std::move(architecture)), type_(type), random_(seed) {
    file_.set_string("general.architecture", architecture_);
    file_.set_string("general.name", "random " + architecture_);
  }
  engine::GgufWriter& file() { return file_; }
  std::string key(const std::string& name) const { return architecture_ + "." + name; }
  void integer(const std::string& name, int64_t value) { file_.set_integer(key(name), value); }

  // A matrix of the model's type where its rows allow that, else float32.
  void matrix(const std::string& name, int64_t in, int64_t out) {
    const double size = 1.7 / std::sqrt(static_cast<double>(in));
    tensor(name + ".weight", in % engine::type_info(type_).block_elements == 0
                                 ? type_ : engine::TensorType::f32, {in, out}, -size, size);
  }
  void vector(const std::string& name, std::vector<int64_t> shape, double low, double high) {
    tensor(name, engine::TensorType::f32, shape, low, high);
  }
  void norm(const std::string& name, std::vector<int64_t> shape) {
    vector(name + ".weight", std::move(shape), 0.6, 1.4);
  }

 private:
  void tensor(const std::string& name, engine::TensorType type, std::vector<int64_t> shape,
              double low, double high) {
    size_t count = 1;
    for (const int64_t size : shape) count *= static_cast<size_t>(size);
    const std::vector<float> values = random_.fill(count, low, high);
    const engine::TypeInfo& info = engine::type_info(type);
    std::vector<std::byte> bytes(count / static_cast<size_t>(info.block_elements) *
                                 static_cast<size_t>(info.block_bytes));
    engine::quantize_row(type, values.data(), static_cast<int64_t>(count), bytes.data());
    file_.add_tensor(name, type, shape, bytes);
  }

  std::string architecture_;
  engine::TensorType type_;
  Random random_;
  engine::GgufWriter file_;
};

struct RandomModel {
  engine::TensorType type = engine::TensorType::f32;
  int64_t dim = 24, hidden_dim = 40, vocab_size = 50;
  int64_t head_count = 4, kv_head_count = 2, key_dim = 10, value_dim = 6, rope_dims = 6, window = 0;
  int64_t groups = 2, value_heads = 4, state_dim = 12, inner_dim = 28, conv_taps = 4;
  bool neg_eigval = false, bounded = false, tied = false;
  std::string blocks = "DADA";  // D delta rule, M Mamba-2, A attention, - MLP
  uint64_t seed = 1;
};

inline void write_common(ModelWriter& w, const RandomModel& m) {
  w.integer("block_count", static_cast<int64_t>(m.blocks.size()));
  w.integer("context_length", 4096);
  w.integer("embedding_length", m.dim);
  w.file().set_real(w.key("attention.layer_norm_rms_epsilon"), 1e-5);
  w.integer("attention.key_length", m.key_dim);
  w.integer("attention.value_length", m.value_dim);
  w.integer("ssm.conv_kernel", m.conv_taps);
  w.integer("ssm.state_size", m.state_dim);
  w.integer("ssm.group_count", m.groups);
  w.integer("ssm.time_step_rank", m.value_heads);
  w.integer("ssm.inner_size", m.inner_dim);
  w.matrix("token_embd", m.dim, m.vocab_size);
  w.norm("output_norm", {m.dim});
  if (!m.tied) w.matrix("output", m.dim, m.vocab_size);
}

inline void write_attention(ModelWriter& w, const RandomModel& m, const std::string& block) {
  w.matrix(block + "attn_q", m.dim, m.head_count * m.key_dim);
  w.matrix(block + "attn_k", m.dim, m.kv_head_count * m.key_dim);
  w.matrix(block + "attn_v", m.dim, m.kv_head_count * m.value_dim);
  w.matrix(block + "attn_output", m.head_count * m.value_dim, m.dim);
}

inline void write_delta(ModelWriter& w, const RandomModel& m, const std::string& block) {
  const int64_t keys = m.groups * m.state_dim, value_dim = m.inner_dim / m.value_heads;
  w.matrix(block + "attn_q", m.dim, keys);
  w.matrix(block + "attn_k", m.dim, keys);
  w.matrix(block + "attn_v", m.dim, m.inner_dim);
  if (m.conv_taps > 0) {
    w.vector(block + "ssm_conv1d_q.weight", {m.conv_taps, keys}, -1, 1);
    w.vector(block + "ssm_conv1d_k.weight", {m.conv_taps, keys}, -1, 1);
    w.vector(block + "ssm_conv1d_v.weight", {m.conv_taps, m.inner_dim}, -1, 1);
  }
  w.matrix(block + "ssm_f_a", m.dim, 5);
  w.matrix(block + "ssm_f_b", 5, keys);
  w.vector(block + "ssm_dt.bias", {keys}, -4, 1);
  w.vector(block + "ssm_a", {m.groups}, -6, -0.2);
  w.matrix(block + "ssm_beta", m.dim, keys);
  w.matrix(block + "ssm_write", m.dim, m.inner_dim);
  w.matrix(block + "ssm_g_a", m.dim, 7);
  w.matrix(block + "ssm_g_b", 7, m.inner_dim);
  w.vector(block + "ssm_g_b.bias", {m.inner_dim}, -1, 1);
  w.norm(block + "ssm_norm", {value_dim});
  w.matrix(block + "attn_output", m.inner_dim, m.dim);
}

inline void write_swiglu(ModelWriter& w, const RandomModel& m, const std::string& block) {
  w.norm(block + "ffn_norm", {m.dim});
  w.matrix(block + "ffn_gate", m.dim, m.hidden_dim);
  w.matrix(block + "ffn_up", m.dim, m.hidden_dim);
  w.matrix(block + "ffn_down", m.hidden_dim, m.dim);
}

inline void write_mamba2(ModelWriter& w, const RandomModel& m, const std::string& block) {
  const int64_t conv_width = m.inner_dim + 2 * m.groups * m.state_dim;
  w.matrix(block + "ssm_in", m.dim, m.inner_dim + conv_width + m.value_heads);
  w.vector(block + "ssm_conv1d.weight", {m.conv_taps, conv_width}, -1, 1);
  w.vector(block + "ssm_conv1d.bias", {conv_width}, -1, 1);
  w.vector(block + "ssm_dt.bias", {m.value_heads}, -4, 0);
  w.vector(block + "ssm_a", {1, m.value_heads}, -8, -0.5);
  w.vector(block + "ssm_d", {1, m.value_heads}, -1, 1);
  w.norm(block + "ssm_norm", {m.inner_dim / m.groups, m.groups});
  w.matrix(block + "ssm_out", m.inner_dim, m.dim);
}

// Entry i is `value` where block i is a `kind`, else 0.
inline std::vector<int64_t> per_block(const std::string& blocks, char kind, int64_t value) {
  std::vector<int64_t> values;
  for (const char block : blocks) values.push_back(block == kind ? value : 0);
  return values;
}

inline std::string block_name(size_t i) { return "blk." + std::to_string(i) + "."; }

inline void write_gated_deltanet2(const std::filesystem::path& path, const RandomModel& m) {
  ModelWriter w("gated-deltanet2", m.type, m.seed);
  write_common(w, m);
  std::vector<bool> recurrent;
  for (const char block : m.blocks) recurrent.push_back(block == 'D');
  w.file().set_bool_array(w.key("attention.recurrent_layers"), recurrent);
  w.file().set_int_array(w.key("attention.head_count"), per_block(m.blocks, 'A', m.head_count));
  w.file().set_int_array(w.key("attention.head_count_kv"),
                         per_block(m.blocks, 'A', m.kv_head_count));
  w.integer("rope.dimension_count", m.rope_dims);
  w.file().set_real(w.key("rope.freq_base"), 10000);
  w.integer("attention.sliding_window", m.window);
  w.integer("feed_forward_length", m.hidden_dim);
  w.file().set_boolean(w.key("gdn2.allow_neg_eigval"), m.neg_eigval);
  if (m.bounded) w.file().set_real(w.key("gdn2.decay_lower_bound"), -5);
  w.file().set_string(w.key("gdn2.output_gate"), m.bounded ? "sigmoid" : "silu");
  for (size_t i = 0; i < m.blocks.size(); ++i) {
    w.norm(block_name(i) + "attn_norm", {m.dim});
    m.blocks[i] == 'D' ? write_delta(w, m, block_name(i)) : write_attention(w, m, block_name(i));
    write_swiglu(w, m, block_name(i));
  }
  w.file().write(path);
}

inline void write_nemotron_h(const std::filesystem::path& path, const RandomModel& m) {
  ModelWriter w("nemotron_h", m.type, m.seed);
  write_common(w, m);
  w.integer("attention.head_count", m.head_count);
  w.file().set_int_array(w.key("attention.head_count_kv"),
                         per_block(m.blocks, 'A', m.kv_head_count));
  w.file().set_int_array(w.key("feed_forward_length"), per_block(m.blocks, '-', m.hidden_dim));
  for (size_t i = 0; i < m.blocks.size(); ++i) {
    const std::string block = block_name(i);
    w.norm(block + "attn_norm", {m.dim});
    if (m.blocks[i] == 'M') write_mamba2(w, m, block);
    if (m.blocks[i] == 'A') write_attention(w, m, block);
    if (m.blocks[i] != '-') continue;
    w.matrix(block + "ffn_up", m.dim, m.hidden_dim);
    w.matrix(block + "ffn_down", m.hidden_dim, m.dim);
  }
  w.file().write(path);
}

inline void write_qwen3(const std::filesystem::path& path, const RandomModel& m) {
  ModelWriter w("qwen3", m.type, m.seed);
  write_common(w, m);
  w.integer("attention.head_count", m.head_count);
  w.integer("attention.head_count_kv", m.kv_head_count);
  w.integer("rope.dimension_count", m.rope_dims);
  w.integer("feed_forward_length", m.hidden_dim);
  for (size_t i = 0; i < m.blocks.size(); ++i) {
    const std::string block = block_name(i);
    w.norm(block + "attn_norm", {m.dim});
    write_attention(w, m, block);
    w.norm(block + "attn_q_norm", {m.key_dim});
    w.norm(block + "attn_k_norm", {m.key_dim});
    write_swiglu(w, m, block);
  }
  w.file().write(path);
}

}  // namespace corvid::test
