#include "engine/layers/attention.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace corvid::engine {
namespace {

struct Attention {
  AttentionConfig config;
  Ops& ops;
  int kv = 0;  // index in the memory
  Linear q, k, v, output;
  std::vector<float> q_norm, k_norm;  // empty: none
  std::optional<Linear> head_gate;    // one logit per head

  void operator()(const Batch& batch, const float* x, float* y) const;
  void project(const Batch& batch, const float* x, float* queries, float* keys) const;
  void attend(const BatchItem& item, const float* queries, float* mixed) const;
  std::vector<float> split_gates(std::vector<float>& queries, int64_t rows) const;
  void gate_heads(const float* x, int64_t rows, float* mixed) const;
};

void norm_heads(Ops& ops, const std::vector<float>& weight, float eps, float* x, int64_t rows) {
  if (weight.empty()) return;
  ops.norm({.x = x, .y = x, .weight = weight.data(), .rows = rows,
            .width = static_cast<int64_t>(weight.size()), .eps = eps});
}

// From (heads, query | gate) to the queries alone; returns the gates.
std::vector<float> Attention::split_gates(std::vector<float>& queries, int64_t rows) const {
  const int64_t heads = rows * config.head_count, width = config.key_dim;
  std::vector<float> gates(static_cast<size_t>(heads * width)), plain(gates.size());
  for (int64_t i = 0; i < heads; ++i) {
    const float* from = queries.data() + i * 2 * width;
    std::copy_n(from, width, plain.data() + i * width);
    std::copy_n(from + width, width, gates.data() + i * width);
  }
  queries.swap(plain);
  return gates;
}

void Attention::gate_heads(const float* x, int64_t rows, float* mixed) const {
  std::vector<float> gates(static_cast<size_t>(rows * config.head_count));
  head_gate->run(ops, x, rows, gates.data());
  ops.activate(Activation::sigmoid, gates.data(), static_cast<int64_t>(gates.size()));
  for (const float gate : gates) {
    for (int64_t i = 0; i < config.value_dim; ++i) *mixed++ *= gate;
  }
}

void Attention::project(const Batch& batch, const float* x, float* queries, float* keys) const {
  const int64_t rows = batch.rows();
  k.run(ops, x, rows, keys);
  norm_heads(ops, q_norm, config.norm_eps, queries, rows * config.head_count);
  norm_heads(ops, k_norm, config.norm_eps, keys, rows * config.kv_head_count);
  if (config.rope.frequencies.empty()) return;
  RopeArgs rope{queries, rows, config.head_count, config.key_dim, config.rope.frequencies,
                config.rope.magnitude, config.rope.interleaved, batch.positions.data()};
  ops.rope(rope);
  rope.x = keys;
  rope.heads = config.kv_head_count;
  ops.rope(rope);
}

void Attention::attend(const BatchItem& item, const float* queries, float* mixed) const {
  const MemorySpec::Kv& layer = item.memory->spec().kv[static_cast<size_t>(kv)];
  AttentionArgs args;
  args.q = queries + item.row * config.head_count * config.key_dim;
  args.y = mixed + item.row * output.weight.in;
  args.rows = item.rows;
  args.first_position = item.memory->length();
  args.heads = config.head_count;
  args.kv_heads = config.kv_head_count;
  args.key_dim = config.key_dim;
  args.value_dim = config.value_dim;
  args.window = config.window;
  args.scale = 1 / std::sqrt(static_cast<float>(config.key_dim));
  args.pages = item.memory->pages(kv);
  args.page_tokens = kPageTokens;
  args.kv_type = item.memory->kv_type();
  args.key_offset = item.memory->bytes_of(layer.key_offset);
  args.value_offset = item.memory->bytes_of(layer.value_offset);
  ops.attention(args);
}

void Attention::operator()(const Batch& batch, const float* x, float* y) const {
  const auto rows = static_cast<size_t>(batch.rows());
  const int64_t key_width = k.weight.out, value_width = v.weight.out;
  std::vector<float> queries(rows * static_cast<size_t>(q.weight.out));
  std::vector<float> keys(rows * static_cast<size_t>(key_width));
  std::vector<float> values(rows * static_cast<size_t>(value_width));
  std::vector<float> mixed(rows * static_cast<size_t>(output.weight.in)), gates;
  q.run(ops, x, batch.rows(), queries.data());
  if (config.gated) gates = split_gates(queries, batch.rows());
  project(batch, x, queries.data(), keys.data());
  v.run(ops, x, batch.rows(), values.data());
  for (const BatchItem& item : batch.items) {
    for (int64_t r = 0; r < item.rows; ++r) {
      const int64_t row = item.row + r, position = item.memory->length() + r;
      item.memory->put(kv, position, &keys[static_cast<size_t>(row * key_width)],
                       &values[static_cast<size_t>(row * value_width)]);
    }
    attend(item, queries.data(), mixed.data());
  }
  if (config.gated) {
    ops.gate(Activation::sigmoid, gates.data(), mixed.data(), static_cast<int64_t>(mixed.size()));
  }
  if (head_gate) gate_heads(x, batch.rows(), mixed.data());
  output.run(ops, mixed.data(), batch.rows(), y);
}

}  // namespace

Layer make_attention(const ModelReader& reader, const std::string& block,
                     const AttentionConfig& config, MemorySpec& memory, Ops& ops) {
  reader.require(config.head_count > 0 && config.kv_head_count > 0 &&
                     config.head_count % config.kv_head_count == 0,
                 block + "attention heads are no multiple of key-value heads");
  reader.require(2 * static_cast<int64_t>(config.rope.frequencies.size()) <= config.key_dim,
                 "impossible " + reader.key("rope.dimension_count"));
  reader.require(!config.gated || config.key_dim == config.value_dim,
                 "gated attention with values of another width than keys");
  const int64_t q_width = config.head_count * config.key_dim * (config.gated ? 2 : 1);
  const int64_t k_width = config.kv_head_count * config.key_dim;
  const int64_t v_width = config.kv_head_count * config.value_dim;
  const int kv =
      memory.add_kv(config.kv_head_count, config.key_dim, config.value_dim, config.window);
  Attention layer{config, ops, kv, {}, {}, {}, {}, {}, {}, {}};
  if (reader.has(block + "attn_qkv.weight")) {
    const Linear all = reader.linear(block + "attn_qkv", config.dim, q_width + k_width + v_width);
    layer.q = slice(all, 0, q_width);
    layer.k = slice(all, q_width, k_width);
    layer.v = slice(all, q_width + k_width, v_width);
  } else {
    layer.q = reader.linear(block + "attn_q", config.dim, q_width);
    layer.k = reader.linear(block + "attn_k", config.dim, k_width);
    layer.v = reader.linear(block + "attn_v", config.dim, v_width);
  }
  layer.output =
      reader.linear(block + "attn_output", config.head_count * config.value_dim, config.dim);
  if (config.head_gated) {
    layer.head_gate = reader.linear(block + "attn_gate", config.dim, config.head_count);
  }
  for (const auto& [name, norm] :
       {std::pair{"attn_q_norm.weight", &layer.q_norm}, {"attn_k_norm.weight", &layer.k_norm}}) {
    if (reader.has(block + name)) *norm = reader.values(block + name, {config.key_dim});
  }
  return layer;
}

}  // namespace corvid::engine
