#include "engine/layers/mlp.h"

namespace corvid::engine {

Layer make_swiglu(const ModelReader& reader, const std::string& block, int64_t dim,
                  int64_t hidden_dim, Ops& ops) {
  return [&ops, gate = reader.linear(block + "ffn_gate", dim, hidden_dim),
          up = reader.linear(block + "ffn_up", dim, hidden_dim),
          down = reader.linear(block + "ffn_down", hidden_dim, dim)](
             const Batch& batch, const float* x, float* y) {
    const int64_t count = batch.rows() * up.weight.out;
    std::vector<float> gates(static_cast<size_t>(count)), hidden(static_cast<size_t>(count));
    gate.run(ops, x, batch.rows(), gates.data());
    up.run(ops, x, batch.rows(), hidden.data());
    ops.gate(Activation::silu, gates.data(), hidden.data(), count);
    down.run(ops, hidden.data(), batch.rows(), y);
  };
}

Layer make_relu_squared_mlp(const ModelReader& reader, const std::string& block, int64_t dim,
                            int64_t hidden_dim, Ops& ops) {
  return [&ops, up = reader.linear(block + "ffn_up", dim, hidden_dim),
          down = reader.linear(block + "ffn_down", hidden_dim, dim)](
             const Batch& batch, const float* x, float* y) {
    std::vector<float> hidden(static_cast<size_t>(batch.rows() * up.weight.out));
    up.run(ops, x, batch.rows(), hidden.data());
    ops.activate(Activation::relu_squared, hidden.data(), static_cast<int64_t>(hidden.size()));
    down.run(ops, hidden.data(), batch.rows(), y);
  };
}

}  // namespace corvid::engine
