#include "engine/layers/mlp.h"

#include <algorithm>

namespace corvid::engine {
namespace {

Layer layer_of(FeedForward part, Ops& ops) {
  return [&ops, part = std::move(part)](const Batch& batch, const float* x, float* y) {
    part.run(ops, x, batch.rows(), y);
  };
}

// What goes into `down`: hidden, made of up x, with gate x where there is a gate.
void activate(const FeedForward& part, Ops& ops, float* gates, float* hidden, int64_t count) {
  if (!part.gate) return ops.activate(Activation::relu_squared, hidden, count);
  if (part.clamp <= 0) return ops.gate(Activation::silu, gates, hidden, count);
  ops.activate(Activation::silu, gates, count);
  for (int64_t i = 0; i < count; ++i) {
    hidden[i] = std::min(gates[i], part.clamp) * std::clamp(hidden[i], -part.clamp, part.clamp);
  }
}

int64_t hidden_count(const FeedForwardItem& item) { return item.rows * item.part->up.weight.out; }

}  // namespace

void FeedForward::run(Ops& ops, const float* x, int64_t rows, float* y) const {
  const FeedForwardItem item{this, x, rows, y, {}};
  feed_forward(ops, {&item, 1});
}

void feed_forward(Ops& ops, std::span<const FeedForwardItem> items) {
  int64_t total = 0;
  for (const FeedForwardItem& item : items) total += hidden_count(item);
  std::vector<float> hidden(static_cast<size_t>(total)), gates(hidden.size());
  std::vector<Product> in, out;
  float *up = hidden.data(), *gate = gates.data();
  for (const FeedForwardItem& item : items) {
    const FeedForward& part = *item.part;
    in.push_back({&part.up.weight, item.x, item.rows, up, item.from});
    if (part.gate) in.push_back({&part.gate->weight, item.x, item.rows, gate, item.from});
    out.push_back({&part.down.weight, up, item.rows, item.y, {}});
    up += hidden_count(item);
    gate += hidden_count(item);
  }
  ops.matmuls(in);
  up = hidden.data(), gate = gates.data();
  for (size_t i = 0; i < items.size();) {
    const FeedForward& part = *items[i].part;
    int64_t count = 0;  // of those in a row that have the same form
    for (; i < items.size(); ++i) {
      const FeedForward& other = *items[i].part;
      if (other.gate.has_value() != part.gate.has_value() || other.clamp != part.clamp) break;
      other.up.finish(ops, items[i].rows, up + count);
      if (other.gate) other.gate->finish(ops, items[i].rows, gate + count);
      count += hidden_count(items[i]);
    }
    activate(part, ops, gate, up, count);
    up += count;
    gate += count;
  }
  ops.matmuls(out);
  for (const FeedForwardItem& item : items) item.part->down.finish(ops, item.rows, item.y);
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
