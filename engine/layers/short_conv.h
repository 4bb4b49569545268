#pragma once

#include <string>

#include "engine/layers/batch.h"
#include "engine/layers/model_reader.h"

namespace corvid::engine {

// A causal depthwise convolution, with SiLU or without, that keeps its last inputs in the state of
// the sequence. {a}.ssm.conv_kernel says how many taps it has, else the tensor itself; without any
// it is SiLU alone, or nothing.
class ShortConv {
 public:
  // `name`.weight {taps, channels} and, where present, `name`.bias.
  ShortConv(const ModelReader& reader, const std::string& name, int64_t channels,
            MemorySpec& memory, bool silu = true);

  // x: rows `x_stride` apart, the first `channels` of each; y (rows, channels). x and y differ.
  void run(Ops& ops, const Batch& batch, const float* x, int64_t x_stride, float* y) const;

 private:
  int64_t taps_ = 0, channels_, state_offset_ = 0;
  bool silu_;
  std::vector<float> weight_;  // (taps, channels)
  std::vector<float> bias_;
};

}  // namespace corvid::engine
