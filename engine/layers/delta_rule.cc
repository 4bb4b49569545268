#include "engine/layers/delta_rule.h"

#include <cmath>
#include <memory>

#include "engine/layers/recurrence.h"
#include "engine/layers/short_conv.h"
#include "engine/layers/spread.h"

namespace corvid::engine {
namespace {

using Floats = std::vector<float>;

struct DeltaRule {
  DeltaRuleConfig config;
  Ops& ops;
  int64_t state_offset = 0;
  ShortConv conv_q, conv_k, conv_v;
  Linear q, k, v, decay_down, decay_up, erase, write, gate_down, gate_up, output;
  // log decay = f2(f1(x * scale_in + bias_in)) with the affine parts per channel
  Floats decay_scale_in, decay_bias, decay_scale_out;
  Floats erase_scale;  // empty: 1
  Floats norm;

  DeltaRule(const ModelReader& reader, const std::string& block, const DeltaRuleConfig& c,
            MemorySpec& memory, Ops& o);
  void read_decay(const ModelReader& reader, const std::string& block);
  Floats projected(const Linear& linear, const Floats& x, int64_t rows) const;
  Floats projected(const Linear& linear, const float* x, int64_t rows) const;
  Floats convolved(const ShortConv& conv, const Linear& linear, const Batch& batch,
                   const float* x) const;
  Floats log_decay(const float* x, int64_t rows) const;
  void operator()(const Batch& batch, const float* x, float* y) const;
};

DeltaRule::DeltaRule(const ModelReader& reader, const std::string& block, const DeltaRuleConfig& c,
                     MemorySpec& memory, Ops& o)
    : config(c), ops(o),
      conv_q(reader, block + "ssm_conv1d_q", c.head_count * c.key_dim, memory),
      conv_k(reader, block + "ssm_conv1d_k", c.head_count * c.key_dim, memory),
      conv_v(reader, block + "ssm_conv1d_v", c.value_head_count * c.value_dim, memory) {
  const int64_t key_width = c.head_count * c.key_dim;
  const int64_t value_width = c.value_head_count * c.value_dim;
  const int64_t decay_rank = reader.dimension(block + "ssm_f_a.weight", 1);
  const int64_t gate_rank = reader.dimension(block + "ssm_g_a.weight", 1);
  state_offset = memory.add_state(c.value_head_count * c.key_dim * c.value_dim);
  q = reader.linear(block + "attn_q", c.dim, key_width);
  k = reader.linear(block + "attn_k", c.dim, key_width);
  v = reader.linear(block + "attn_v", c.dim, value_width);
  decay_down = reader.linear(block + "ssm_f_a", c.dim, decay_rank);
  decay_up = reader.linear(block + "ssm_f_b", decay_rank, key_width);
  erase = reader.linear(block + "ssm_beta", c.dim, c.shared_beta ? c.value_head_count : key_width);
  if (!c.shared_beta) write = reader.linear(block + "ssm_write", c.dim, value_width);
  gate_down = reader.linear(block + "ssm_g_a", c.dim, gate_rank);
  gate_up = reader.linear(block + "ssm_g_b", gate_rank, value_width);
  output = reader.linear(block + "attn_output", value_width, c.dim);
  norm = reader.values(block + "ssm_norm.weight", {c.value_dim});
  if (c.allow_neg_eigval) erase_scale.assign(static_cast<size_t>(key_width), 2);
  read_decay(reader, block);
}

// Softplus form: g = a * softplus(f + dt). Bounded form: g = bound * sigmoid(-a * (f + dt)).
void DeltaRule::read_decay(const ModelReader& reader, const std::string& block) {
  const int64_t key_width = config.head_count * config.key_dim;
  const Floats a = reader.values(block + "ssm_a", {config.head_count});
  for (const float value : a) reader.require(value <= 0, block + "ssm_a has a positive value");
  decay_bias = reader.values(block + "ssm_dt.bias", {key_width});
  for (int64_t i = 0; i < key_width; ++i) {
    const float head_a = a[static_cast<size_t>(i / config.key_dim)];
    if (config.decay_lower_bound) {
      decay_scale_in.push_back(-head_a);
      decay_bias[static_cast<size_t>(i)] *= -head_a;
      decay_scale_out.push_back(*config.decay_lower_bound);
    } else {
      decay_scale_out.push_back(head_a);
    }
  }
}

Floats DeltaRule::projected(const Linear& linear, const float* x, int64_t rows) const {
  Floats y(static_cast<size_t>(rows * linear.weight.out));
  linear.run(ops, x, rows, y.data());
  return y;
}

Floats DeltaRule::projected(const Linear& linear, const Floats& x, int64_t rows) const {
  return projected(linear, x.data(), rows);
}

Floats DeltaRule::convolved(const ShortConv& conv, const Linear& linear, const Batch& batch,
                            const float* x) const {
  const Floats raw = projected(linear, x, batch.rows());
  Floats y(raw.size());
  conv.run(ops, batch, raw.data(), linear.weight.out, y.data());
  return y;
}

Floats DeltaRule::log_decay(const float* x, int64_t rows) const {
  Floats g = projected(decay_up, projected(decay_down, x, rows), rows);
  const int64_t width = decay_up.weight.out;
  const bool bounded = config.decay_lower_bound.has_value();
  ops.affine(bounded ? decay_scale_in.data() : nullptr, decay_bias.data(), g.data(), rows, width);
  ops.activate(bounded ? Activation::sigmoid : Activation::softplus, g.data(), rows * width);
  ops.affine(decay_scale_out.data(), nullptr, g.data(), rows, width);
  return g;
}

void DeltaRule::operator()(const Batch& batch, const float* x, float* y) const {
  const int64_t rows = batch.rows(), key_width = q.weight.out, value_width = v.weight.out;
  Floats queries = convolved(conv_q, q, batch, x);
  Floats keys = convolved(conv_k, k, batch, x);
  const Floats values = convolved(conv_v, v, batch, x);
  for (Floats* heads : {&queries, &keys}) {
    const float scale =
        heads == &queries ? 1 / std::sqrt(static_cast<float>(config.key_dim)) : 1.0f;
    ops.norm({.x = heads->data(), .y = heads->data(), .rows = rows * config.head_count,
              .width = config.key_dim, .eps = config.l2_eps, .scale = scale, .l2 = true});
  }
  const Floats g = log_decay(x, rows);
  Floats b = projected(erase, x, rows), w;
  ops.activate(Activation::sigmoid, b.data(), static_cast<int64_t>(b.size()));
  if (config.shared_beta) {
    w = spread(b, config.value_dim);
    b = spread(b, config.key_dim);
  } else {
    w = projected(write, x, rows);
    ops.activate(Activation::sigmoid, w.data(), rows * value_width);
  }
  if (!erase_scale.empty()) ops.affine(erase_scale.data(), nullptr, b.data(), rows, key_width);

  Floats mixed(values.size());
  for (const BatchItem& item : batch.items) {
    const int64_t key_at = item.row * key_width, value_at = item.row * value_width;
    DeltaArgs args{.q = queries.data() + key_at, .k = keys.data() + key_at, .g = g.data() + key_at,
                   .b = b.data() + key_at, .v = values.data() + value_at,
                   .w = w.data() + value_at, .o = mixed.data() + value_at,
                   .heads = config.head_count, .value_heads = config.value_head_count,
                   .key_dim = config.key_dim, .value_dim = config.value_dim};
    run_delta(ops, item, state_offset, args);
  }
  ops.norm({.x = mixed.data(), .y = mixed.data(), .weight = norm.data(),
            .rows = rows * config.value_head_count, .width = config.value_dim,
            .eps = config.norm_eps});
  const Floats gates = projected(gate_up, projected(gate_down, x, rows), rows);
  ops.gate(config.output_gate, gates.data(), mixed.data(), rows * value_width);
  output.run(ops, mixed.data(), rows, y);
}

}  // namespace

Layer make_delta_rule(const ModelReader& reader, const std::string& block,
                      const DeltaRuleConfig& config, MemorySpec& memory, Ops& ops) {
  reader.require(config.value_head_count % config.head_count == 0,
                 reader.key("ssm.time_step_rank") + " is no multiple of the key heads");
  reader.require(!config.shared_beta || config.value_head_count == config.head_count,
                 "KDA with value heads of another number than key heads");
  const auto layer = std::make_shared<DeltaRule>(reader, block, config, memory, ops);
  return [layer](const Batch& batch, const float* x, float* y) { (*layer)(batch, x, y); };
}

}  // namespace corvid::engine
