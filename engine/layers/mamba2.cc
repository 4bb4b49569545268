#include "engine/layers/mamba2.h"

#include <algorithm>
#include <memory>

#include "engine/layers/recurrence.h"
#include "engine/layers/short_conv.h"

namespace corvid::engine {
namespace {

using Floats = std::vector<float>;

struct Mamba2 {
  Mamba2Config config;
  Ops& ops;
  int64_t conv_width, state_offset = 0;
  ShortConv conv;
  Linear in, out;
  Floats dt_bias, a, d, norm;

  Mamba2(const ModelReader& reader, const std::string& block, const Mamba2Config& c,
         MemorySpec& memory, Ops& o)
      : config(c), ops(o), conv_width(c.inner_dim + 2 * c.group_count * c.state_dim),
        conv(reader, block + "ssm_conv1d", conv_width, memory) {
    state_offset = memory.add_state(c.inner_dim * c.state_dim);
    in = reader.linear(block + "ssm_in", c.dim, c.inner_dim + conv_width + c.head_count);
    out = reader.linear(block + "ssm_out", c.inner_dim, c.dim);
    dt_bias = reader.values(block + "ssm_dt.bias", {c.head_count});
    a = reader.values(block + "ssm_a", {c.head_count});
    for (const float value : a) reader.require(value <= 0, block + "ssm_a has a positive value");
    d = reader.values(block + "ssm_d", {c.head_count});
    norm = reader.values(block + "ssm_norm.weight", {c.inner_dim / c.group_count, c.group_count});
  }

  // `count` columns from `first` on of every row of the projection.
  Floats columns(const Floats& all, int64_t rows, int64_t first, int64_t count) const {
    Floats part(static_cast<size_t>(rows * count));
    for (int64_t row = 0; row < rows; ++row) {
      std::copy_n(all.data() + row * in.weight.out + first, count, part.data() + row * count);
    }
    return part;
  }

  void operator()(const Batch& batch, const float* x, float* y) const {
    const int64_t rows = batch.rows(), inner = config.inner_dim;
    Floats all(static_cast<size_t>(rows * in.weight.out));
    in.run(ops, x, rows, all.data());
    Floats dt = columns(all, rows, inner + conv_width, config.head_count);
    ops.affine(nullptr, dt_bias.data(), dt.data(), rows, config.head_count);
    ops.activate(Activation::softplus, dt.data(), rows * config.head_count);
    Floats xbc(static_cast<size_t>(rows * conv_width)), mixed(static_cast<size_t>(rows * inner));
    conv.run(ops, batch, all.data() + inner, in.weight.out, xbc.data());
    for (const BatchItem& item : batch.items) {
      const float* head_x = xbc.data() + item.row * conv_width;
      const float* B = head_x + inner;
      run_ssd(ops, item, state_offset,
              {.x = head_x, .B = B, .C = B + config.group_count * config.state_dim,
               .stride = conv_width, .dt = dt.data() + item.row * config.head_count, .a = a.data(),
               .d = d.data(), .y = mixed.data() + item.row * inner,
               .heads = config.head_count, .groups = config.group_count,
               .head_dim = inner / config.head_count, .state_dim = config.state_dim});
    }
    const Floats z = columns(all, rows, 0, inner);
    ops.gate(Activation::silu, z.data(), mixed.data(), rows * inner);
    ops.norm({.x = mixed.data(), .y = mixed.data(), .weight = norm.data(),
              .rows = rows * config.group_count, .width = inner / config.group_count,
              .weight_rows = config.group_count, .eps = config.norm_eps});
    out.run(ops, mixed.data(), rows, y);
  }
};

}  // namespace

Mamba2Config read_mamba2_config(const ModelReader& reader, int64_t dim, float norm_eps) {
  return {.dim = dim, .head_count = reader.count("ssm.time_step_rank"),
          .group_count = reader.count("ssm.group_count"),
          .inner_dim = reader.count("ssm.inner_size"), .state_dim = reader.count("ssm.state_size"),
          .norm_eps = norm_eps};
}

Layer make_mamba2(const ModelReader& reader, const std::string& block, const Mamba2Config& config,
                  MemorySpec& memory, Ops& ops) {
  reader.require(config.inner_dim % config.head_count == 0 &&
                     config.head_count % config.group_count == 0,
                 "the Mamba-2 sizes of " + reader.key("ssm") + " do not divide each other");
  const auto layer = std::make_shared<Mamba2>(reader, block, config, memory, ops);
  return [layer](const Batch& batch, const float* x, float* y) { (*layer)(batch, x, y); };
}

}  // namespace corvid::engine
