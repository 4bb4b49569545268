#include "engine/layers/mlp.h"

#include <algorithm>

namespace corvid::engine {
namespace {

Layer layer_of(FeedForward part, Ops& ops) {
  return [&ops, part = std::move(part)](const Batch& batch, const float* x, float* y) {
    part.run(ops, x, batch.rows(), y);
  };
}

}  // namespace

void FeedForward::run(Ops& ops, const float* x, int64_t rows, float* y) const {
  std::vector<float> hidden(static_cast<size_t>(rows * up.weight.out));
  const auto count = static_cast<int64_t>(hidden.size());
  up.run(ops, x, rows, hidden.data());
  if (!gate) {
    ops.activate(Activation::relu_squared, hidden.data(), count);
  } else {
    std::vector<float> gates(hidden.size());
    gate->run(ops, x, rows, gates.data());
    if (clamp > 0) {
      ops.activate(Activation::silu, gates.data(), count);
      for (size_t i = 0; i < hidden.size(); ++i) {
        hidden[i] = std::min(gates[i], clamp) * std::clamp(hidden[i], -clamp, clamp);
      }
    } else {
      ops.gate(Activation::silu, gates.data(), hidden.data(), count);
    }
  }
  down.run(ops, hidden.data(), rows, y);
}

FeedForward read_swiglu(const ModelReader& reader, const std::string& block, int64_t dim,
                        int64_t hidden_dim, const std::string& suffix) {
  Linear gate = reader.linear(block + "ffn_gate" + suffix, dim, hidden_dim);
  FeedForward part = read_relu_squared(reader, block, dim, hidden_dim, suffix);
  part.gate = std::move(gate);
  return part;
}

FeedForward read_relu_squared(const ModelReader& reader, const std::string& block, int64_t dim,
                              int64_t hidden_dim, const std::string& suffix) {
  FeedForward part;
  part.up = reader.linear(block + "ffn_up" + suffix, dim, hidden_dim);
  part.down = reader.linear(block + "ffn_down" + suffix, hidden_dim, dim);
  return part;
}

Layer make_swiglu(const ModelReader& reader, const std::string& block, int64_t dim,
                  int64_t hidden_dim, Ops& ops) {
  return layer_of(read_swiglu(reader, block, dim, hidden_dim), ops);
}

Layer make_relu_squared_mlp(const ModelReader& reader, const std::string& block, int64_t dim,
                            int64_t hidden_dim, Ops& ops) {
  return layer_of(read_relu_squared(reader, block, dim, hidden_dim), ops);
}

}  // namespace corvid::engine
