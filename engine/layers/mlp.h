#pragma once

#include <optional>
#include <span>
#include <string>

#include "engine/layers/batch.h"
#include "engine/layers/model_reader.h"

namespace corvid::engine {

// down(silu(gate x) * up x), or without gate down(relu(up x)^2).
struct FeedForward {
  std::optional<Linear> gate;
  Linear up, down;
  // Above 0: silu(gate x) is cut off above it, up x on both sides.
  float clamp = 0;

  void run(Ops& ops, const float* x, int64_t rows, float* y) const;
};

// y (rows, dim) of some rows of x: `from` names them, or where it is empty they are the first.
struct FeedForwardItem {
  const FeedForward* part = nullptr;
  const float* x = nullptr;
  int64_t rows = 0;
  float* y = nullptr;
  std::span<const int32_t> from;
};

// Several at once, that the threads meet no more often than for one.
void feed_forward(Ops& ops, std::span<const FeedForwardItem> items);

// ffn_gate, ffn_up, ffn_down of a block; `suffix` names others of the kind ("_shexp").
FeedForward read_swiglu(const ModelReader& reader, const std::string& block, int64_t dim,
                        int64_t hidden_dim, const std::string& suffix = "");
FeedForward read_relu_squared(const ModelReader& reader, const std::string& block, int64_t dim,
                              int64_t hidden_dim, const std::string& suffix = "");

// The same as layers.
Layer make_swiglu(const ModelReader& reader, const std::string& block, int64_t dim,
                  int64_t hidden_dim, Ops& ops);
Layer make_relu_squared_mlp(const ModelReader& reader, const std::string& block, int64_t dim,
                            int64_t hidden_dim, Ops& ops);

}  // namespace corvid::engine
