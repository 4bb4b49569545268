#include "engine/layers/gated_delta.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "engine/layers/recurrence.h"
#include "engine/layers/short_conv.h"
#include "engine/layers/spread.h"

namespace corvid::engine {
namespace {

using Floats = std::vector<float>;

struct GatedDelta {
  GatedDeltaConfig config;
  Ops& ops;
  int64_t key_width, value_width, state_offset = 0;
  ShortConv conv;
  Linear qkv, gate, beta, alpha, output;
  Linear joined, beta_alpha;  // qkv and gate, beta and alpha in one, by key head; else empty
  Floats dt_bias, a, norm;

  GatedDelta(const ModelReader& reader, const std::string& block, const GatedDeltaConfig& c,
             MemorySpec& memory, Ops& o)
      : config(c), ops(o), key_width(c.head_count * c.key_dim),
        value_width(c.value_head_count * c.value_dim),
        conv(reader, block + "ssm_conv1d", 2 * key_width + value_width, memory) {
    state_offset = memory.add_state(value_width * c.key_dim);
    if (!reader.has(block + "attn_qkv.weight") && reader.has(block + "ssm_in.weight")) {
      joined = reader.linear(block + "ssm_in", c.dim, 2 * key_width + 2 * value_width);
    } else {
      qkv = reader.linear(block + "attn_qkv", c.dim, 2 * key_width + value_width);
      gate = reader.linear(block + "attn_gate", c.dim, value_width);
    }
    if (reader.has(block + "ssm_ba.weight")) {
      beta_alpha = reader.linear(block + "ssm_ba", c.dim, 2 * c.value_head_count);
    } else {
      beta = reader.linear(block + "ssm_beta", c.dim, c.value_head_count);
      alpha = reader.linear(block + "ssm_alpha", c.dim, c.value_head_count);
    }
    output = reader.linear(block + "ssm_out", value_width, c.dim);
    dt_bias = reader.values(block + "ssm_dt.bias", {c.value_head_count});
    a = reader.values(block + "ssm_a", {c.value_head_count});
    for (const float value : a) reader.require(value <= 0, block + "ssm_a has a positive value");
    norm = reader.values(block + "ssm_norm.weight", {c.value_dim});
  }

  int64_t key_head(int64_t value_head) const {
    return config.tiled ? value_head % config.head_count
                        : value_head / (config.value_head_count / config.head_count);
  }

  // All that is projected from x: queries, keys and values of all heads (rows, 2 key_width +
  // value_width), what the output is gated with, and the two gates of gates().
  void project_all(const float* x, int64_t rows, Floats& raw, Floats& z, Floats& b,
                   Floats& g) const {
    Floats one(static_cast<size_t>(joined.weight.out * rows));
    Floats both(static_cast<size_t>(beta_alpha.weight.out * rows));
    std::vector<Projection> all;
    if (!one.empty()) {
      all.push_back({&joined, one.data()});
    } else {
      all.push_back({&qkv, raw.data()});
      all.push_back({&gate, z.data()});
    }
    if (both.empty()) {
      all.push_back({&beta, b.data()});
      all.push_back({&alpha, g.data()});
    } else {
      all.push_back({&beta_alpha, both.data()});
    }
    project(ops, x, rows, all);
    if (!one.empty()) part(one, rows, raw, z);
    gates(both, rows, b, g);
  }

  // From what `joined` gives, by key head.
  void part(const Floats& one, int64_t rows, Floats& raw, Floats& z) const {
    const int64_t keys = config.key_dim, values = value_width / config.head_count;
    const float* from = one.data();
    const auto take = [&from](float* to, int64_t head, int64_t count) {
      std::copy_n(from, count, to + head * count);
      from += count;
    };
    for (int64_t row = 0; row < rows; ++row) {
      float* q = raw.data() + row * (2 * key_width + value_width);
      for (int64_t head = 0; head < config.head_count; ++head) {
        take(q, head, keys);
        take(q + key_width, head, keys);
        take(q + 2 * key_width, head, values);
        take(z.data() + row * value_width, head, values);
      }
    }
  }

  // Gates (rows, value heads): sigmoid(beta), and the log decay a * softplus(alpha + dt). `both`,
  // unless empty, has beta and alpha by key head.
  void gates(const Floats& both, int64_t rows, Floats& b, Floats& g) const {
    const int64_t heads = config.value_head_count;
    if (!both.empty()) {
      const int64_t group = heads / config.head_count;
      const float* from = both.data();
      for (int64_t i = 0; i < rows * config.head_count; ++i, from += 2 * group) {
        std::copy_n(from, group, b.data() + i * group);
        std::copy_n(from + group, group, g.data() + i * group);
      }
    }
    ops.activate(Activation::sigmoid, b.data(), rows * heads);
    ops.affine(nullptr, dt_bias.data(), g.data(), rows, heads);
    ops.activate(Activation::softplus, g.data(), rows * heads);
    ops.affine(a.data(), nullptr, g.data(), rows, heads);
  }

  // The key heads from `first` on of every row, normalised and once for every value head.
  Floats heads_of(const Floats& all, int64_t rows, int64_t first, float scale) const {
    const int64_t width = config.key_dim, stride = 2 * key_width + value_width;
    Floats plain(static_cast<size_t>(rows * key_width));
    for (int64_t row = 0; row < rows; ++row) {
      std::copy_n(all.data() + row * stride + first, key_width, plain.data() + row * key_width);
    }
    // x / max(|x|, eps), smoothly.
    ops.norm({.x = plain.data(), .y = plain.data(), .rows = rows * config.head_count,
              .width = width, .eps = config.norm_eps * config.norm_eps, .scale = scale,
              .l2 = true});
    Floats result(static_cast<size_t>(rows * config.value_head_count * width));
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t j = 0; j < config.value_head_count; ++j) {
        std::copy_n(plain.data() + row * key_width + key_head(j) * width, width,
                    result.data() + (row * config.value_head_count + j) * width);
      }
    }
    return result;
  }

  void operator()(const Batch& batch, const float* x, float* y) const {
    const int64_t rows = batch.rows(), stride = 2 * key_width + value_width;
    Floats raw(static_cast<size_t>(rows * stride)), all(raw.size());
    Floats z(static_cast<size_t>(rows * value_width));
    Floats b(static_cast<size_t>(rows * config.value_head_count)), g(b.size());
    project_all(x, rows, raw, z, b, g);
    conv.run(ops, batch, raw.data(), stride, all.data());
    const Floats q = heads_of(all, rows, 0, 1 / std::sqrt(static_cast<float>(config.key_dim)));
    const Floats k = heads_of(all, rows, key_width, 1);
    Floats v(static_cast<size_t>(rows * value_width)), mixed(v.size());
    for (int64_t row = 0; row < rows; ++row) {
      std::copy_n(all.data() + row * stride + 2 * key_width, value_width,
                  v.data() + row * value_width);
    }
    const Floats wide_b = spread(b, config.key_dim), wide_g = spread(g, config.key_dim);
    const Floats w = spread(b, config.value_dim);
    for (const BatchItem& item : batch.items) {
      const int64_t key_at = item.row * config.value_head_count * config.key_dim;
      const int64_t value_at = item.row * value_width;
      run_delta(ops, item, state_offset,
                {.q = q.data() + key_at, .k = k.data() + key_at, .g = wide_g.data() + key_at,
                 .b = wide_b.data() + key_at, .v = v.data() + value_at, .w = w.data() + value_at,
                 .o = mixed.data() + value_at,
                 .heads = config.value_head_count, .value_heads = config.value_head_count,
                 .key_dim = config.key_dim, .value_dim = config.value_dim});
    }
    ops.norm({.x = mixed.data(), .y = mixed.data(), .weight = norm.data(),
              .rows = rows * config.value_head_count, .width = config.value_dim,
              .eps = config.norm_eps});
    ops.gate(Activation::silu, z.data(), mixed.data(), rows * value_width);
    output.run(ops, mixed.data(), rows, y);
  }
};

}  // namespace

Layer make_gated_delta(const ModelReader& reader, const std::string& block,
                       const GatedDeltaConfig& config, MemorySpec& memory, Ops& ops) {
  reader.require(config.value_head_count % config.head_count == 0,
                 reader.key("ssm.time_step_rank") + " is no multiple of the key heads");
  const auto layer = std::make_shared<GatedDelta>(reader, block, config, memory, ops);
  return [layer](const Batch& batch, const float* x, float* y) { (*layer)(batch, x, y); };
}

}  // namespace corvid::engine
