#include "engine/layers/hgrn2.h"

#include <cmath>
#include <memory>

#include "engine/layers/recurrence.h"
#include "engine/layers/short_conv.h"

namespace corvid::engine {
namespace {

using Floats = std::vector<float>;

struct Hgrn2 {
  Hgrn2Config config;
  Ops& ops;
  int64_t key_width, state_offset = 0;
  ShortConv conv_q, conv_f, conv_v;
  Linear q, f, v, output;
  Floats lower_bound, norm;

  Hgrn2(const ModelReader& reader, const std::string& block, const Hgrn2Config& c,
        MemorySpec& memory, Ops& o)
      : config(c), ops(o), key_width(c.head_count * c.key_dim),
        conv_q(reader, block + "ssm_conv1d_q", key_width, memory, false),
        conv_f(reader, block + "ssm_conv1d_k", key_width, memory, false),
        conv_v(reader, block + "ssm_conv1d_v", c.dim, memory, false) {
    state_offset = memory.add_state(c.dim * c.key_dim);
    q = reader.linear(block + "attn_q", c.dim, key_width);
    f = reader.linear(block + "attn_k", c.dim, key_width);
    v = reader.linear(block + "attn_v", c.dim, c.dim);
    output = reader.linear(block + "attn_output", c.dim, c.dim);
    norm = reader.values(block + "ssm_norm.weight", {c.dim});
    lower_bound.resize(static_cast<size_t>(key_width));
    const std::string bound = block + "ssm_lower_bound";
    if (reader.has(bound)) lower_bound = reader.values(bound, {key_width});
    for (const float value : lower_bound) {
      reader.require(value >= 0 && value < 1, bound + " has a value outside of [0, 1)");
    }
  }

  Floats convolved(const ShortConv& conv, const Linear& linear, const Batch& batch,
                   const float* x) const {
    Floats raw(static_cast<size_t>(batch.rows() * linear.weight.out)), result(raw.size());
    linear.run(ops, x, batch.rows(), raw.data());
    conv.run(ops, batch, raw.data(), linear.weight.out, result.data());
    return result;
  }

  // From forget logits to log decays g and keys 1 - e^g, in double: neither form cancels.
  void decays(Floats& g, Floats& keys) const {
    for (size_t i = 0; i < g.size(); ++i) {
      const double logit = g[i], bound = lower_bound[i % lower_bound.size()];
      const double keep = logit > 0 ? 1 / (1 + std::exp(-logit))
                                    : std::exp(logit) / (1 + std::exp(logit));
      const double log_keep = std::fmin(logit, 0) - std::log1p(std::exp(-std::fabs(logit)));
      g[i] = static_cast<float>(bound > 0 ? std::log(bound + (1 - bound) * keep) : log_keep);
      const double forget = logit > 0 ? std::exp(-logit) / (1 + std::exp(-logit))
                                      : 1 / (1 + std::exp(logit));
      keys[i] = static_cast<float>((1 - bound) * forget);
    }
  }

  void operator()(const Batch& batch, const float* x, float* y) const {
    const int64_t rows = batch.rows();
    Floats queries = convolved(conv_q, q, batch, x), g = convolved(conv_f, f, batch, x);
    const Floats values = convolved(conv_v, v, batch, x);
    ops.activate(Activation::silu, queries.data(), rows * key_width);
    const float scale = 1 / std::sqrt(static_cast<float>(config.key_dim));
    for (float& value : queries) value *= scale;
    Floats keys(g.size());
    decays(g, keys);
    // The delta rule that erases nothing.
    const Floats nothing(keys.size()), everything(values.size(), 1.0f);
    Floats mixed(values.size());
    for (const BatchItem& item : batch.items) {
      const int64_t key_at = item.row * key_width, value_at = item.row * config.dim;
      run_delta(ops, item, state_offset,
                {.q = queries.data() + key_at, .k = keys.data() + key_at, .g = g.data() + key_at,
                 .b = nothing.data() + key_at, .v = values.data() + value_at,
                 .w = everything.data() + value_at, .o = mixed.data() + value_at,
                 .heads = config.head_count, .value_heads = config.head_count,
                 .key_dim = config.key_dim, .value_dim = config.dim / config.head_count});
    }
    ops.norm({.x = mixed.data(), .y = mixed.data(), .weight = norm.data(), .rows = rows,
              .width = config.dim, .eps = config.norm_eps});
    output.run(ops, mixed.data(), rows, y);
  }
};

}  // namespace

Layer make_hgrn2(const ModelReader& reader, const std::string& block, const Hgrn2Config& config,
                 MemorySpec& memory, Ops& ops) {
  reader.require(config.dim % config.head_count == 0,
                 reader.key("ssm.time_step_rank") + " does not divide the width");
  const auto layer = std::make_shared<Hgrn2>(reader, block, config, memory, ops);
  return [layer](const Batch& batch, const float* x, float* y) { (*layer)(batch, x, y); };
}

}  // namespace corvid::engine
