#include "engine/layers/latent_attention.h"

#include <algorithm>
#include <cmath>
#include <memory>

namespace corvid::engine {
namespace {

using Floats = std::vector<float>;

struct LatentAttention {
  LatentAttentionConfig config;
  Ops& ops;
  int kv = 0;  // index in the memory
  Linear q, down, output;
  std::vector<Linear> key_up, value_up;  // of every head: keys -> latent, latent -> values
  Floats norm;
  Floats turned;  // what key_up points into where the file has it the other way round

  int64_t kept_dim() const { return config.latent_dim + config.position_dim; }

  // Runs `heads[h]` on columns [h * in_stride, ...) of x and writes columns [h * out_stride, ...).
  void per_head(const std::vector<Linear>& heads, const Floats& x, int64_t in_stride, Floats& y,
                int64_t out_stride, int64_t rows) const {
    const auto count = static_cast<int64_t>(heads.size());
    Floats in, out;
    for (int64_t h = 0; h < count; ++h) {
      const Linear& head = heads[static_cast<size_t>(h)];
      in.resize(static_cast<size_t>(rows * head.weight.in));
      out.resize(static_cast<size_t>(rows * head.weight.out));
      for (int64_t row = 0; row < rows; ++row) {
        std::copy_n(x.data() + (row * count + h) * in_stride, head.weight.in,
                    in.data() + row * head.weight.in);
      }
      head.run(ops, in.data(), rows, out.data());
      for (int64_t row = 0; row < rows; ++row) {
        std::copy_n(out.data() + row * head.weight.out, head.weight.out,
                    y.data() + (row * count + h) * out_stride);
      }
    }
  }

  // (rows, heads, latent | position): what is compared with the kept part of every token.
  Floats queries(const float* x, int64_t rows) const {
    const int64_t heads = rows * config.head_count;
    const int64_t plain_dim = config.key_dim - config.position_dim;
    Floats raw(static_cast<size_t>(heads * config.key_dim));
    q.run(ops, x, rows, raw.data());
    Floats result(static_cast<size_t>(heads * kept_dim()));
    per_head(key_up, raw, config.key_dim, result, kept_dim(), rows);
    for (int64_t i = 0; i < heads; ++i) {
      std::copy_n(raw.data() + i * config.key_dim + plain_dim, config.position_dim,
                  result.data() + i * kept_dim() + config.latent_dim);
    }
    return result;
  }

  void keep(const Batch& batch, const float* x) const {
    const int64_t rows = batch.rows(), width = kept_dim();
    Floats kept(static_cast<size_t>(rows * width));
    down.run(ops, x, rows, kept.data());
    for (const BatchItem& item : batch.items) {
      for (int64_t r = 0; r < item.rows; ++r) {
        float* row = kept.data() + (item.row + r) * width;
        ops.norm({.x = row, .y = row, .weight = norm.data(), .rows = 1,
                  .width = config.latent_dim, .eps = config.norm_eps});
        const int64_t position = item.memory->length() + r;
        item.memory->put(kv, position, row, row);  // values are the latent part alone
      }
    }
  }

  void operator()(const Batch& batch, const float* x, float* y) const {
    const int64_t rows = batch.rows(), heads = config.head_count;
    const Floats asked = queries(x, rows);
    keep(batch, x);
    Floats latent(static_cast<size_t>(rows * heads * config.latent_dim));
    for (const BatchItem& item : batch.items) {
      const MemorySpec::Kv& layer = item.memory->spec().kv[static_cast<size_t>(kv)];
      ops.attention({.q = asked.data() + item.row * heads * kept_dim(),
                     .y = latent.data() + item.row * heads * config.latent_dim, .rows = item.rows,
                     .first_position = item.memory->length(), .heads = heads, .kv_heads = 1,
                     .key_dim = kept_dim(), .value_dim = config.latent_dim,
                     .scale = 1 / std::sqrt(static_cast<float>(config.key_dim)),
                     .pages = item.memory->pages(kv), .page_tokens = kPageTokens,
                     .kv_type = item.memory->kv_type(),
                     .key_offset = item.memory->bytes_of(layer.key_offset),
                     .value_offset = item.memory->bytes_of(layer.value_offset)});
    }
    Floats values(static_cast<size_t>(rows * heads * config.value_dim));
    per_head(value_up, latent, config.latent_dim, values, config.value_dim, rows);
    output.run(ops, values.data(), rows, y);
  }
};

// attn_kv_b: of every head the rows latent -> keys, which are turned round, and latent -> values.
void read_joined(const ModelReader& reader, const std::string& name, int64_t plain_dim,
                 LatentAttention& layer) {
  const LatentAttentionConfig& c = layer.config;
  const int64_t rows = plain_dim + c.value_dim, size = plain_dim * c.latent_dim;
  const Linear all = reader.linear(name, c.latent_dim, c.head_count * rows);
  const Floats weights = reader.values(name + ".weight", {c.latent_dim, c.head_count * rows});
  layer.turned.resize(static_cast<size_t>(c.head_count * size));
  for (int64_t h = 0; h < c.head_count; ++h) {
    float* to = layer.turned.data() + h * size;
    const float* from = weights.data() + h * rows * c.latent_dim;
    for (int64_t i = 0; i < size; ++i) {
      to[i % c.latent_dim * plain_dim + i / c.latent_dim] = from[i] * all.scale;
    }
    layer.key_up.push_back({{TensorType::f32, plain_dim, c.latent_dim,
                             reinterpret_cast<const std::byte*>(to), nullptr}, {}});
    layer.value_up.push_back(slice(all, h * rows + plain_dim, c.value_dim));
  }
}

}  // namespace

Layer make_latent_attention(const ModelReader& reader, const std::string& block,
                            const LatentAttentionConfig& config, MemorySpec& memory, Ops& ops) {
  reader.require(config.key_dim > config.position_dim,
                 "impossible " + reader.key("attention.key_length_mla"));
  const int64_t plain_dim = config.key_dim - config.position_dim;
  const int64_t kept_dim = config.latent_dim + config.position_dim;
  auto layer = std::make_shared<LatentAttention>(
      LatentAttention{config, ops, memory.add_kv(1, kept_dim, config.latent_dim),
                      reader.linear(block + "attn_q", config.dim,
                                    config.head_count * config.key_dim),
                      reader.linear(block + "attn_kv_a_mqa", config.dim, kept_dim),
                      reader.linear(block + "attn_output", config.head_count * config.value_dim,
                                    config.dim),
                      {}, {}, reader.values(block + "attn_kv_a_norm.weight", {config.latent_dim}),
                      {}});
  if (reader.has(block + "attn_kv_b.weight") && !reader.has(block + "attn_k_b.weight")) {
    reader.require(!reader.has(block + "attn_kv_b.bias"), block + "attn_kv_b has a bias");
    read_joined(reader, block + "attn_kv_b", plain_dim, *layer);
  } else {
    layer->key_up =
        reader.linears(block + "attn_k_b", plain_dim, config.latent_dim, config.head_count);
    layer->value_up =
        reader.linears(block + "attn_v_b", config.latent_dim, config.value_dim, config.head_count);
  }
  return [layer](const Batch& batch, const float* x, float* y) { (*layer)(batch, x, y); };
}

}  // namespace corvid::engine
