#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace corvid::engine {

// LayerNorm (arXiv 1607.06450) of x (rows, width), in place; sums in double. `bias` may be empty.
struct LayerNorm {
  std::vector<float> weight, bias;
  float eps = 0;

  void run(float* x, int64_t rows) const {
    const size_t width = weight.size();
    for (int64_t row = 0; row < rows; ++row, x += width) {
      double sum = 0, squares = 0;
      for (size_t i = 0; i < width; ++i) sum += x[i];
      const double mean = sum / static_cast<double>(width);
      for (size_t i = 0; i < width; ++i) squares += (x[i] - mean) * (x[i] - mean);
      const double by = 1 / std::sqrt(squares / static_cast<double>(width) + eps);
      for (size_t i = 0; i < width; ++i) {
        x[i] = static_cast<float>((x[i] - mean) * by * weight[i] + (bias.empty() ? 0 : bias[i]));
      }
    }
  }
};

}  // namespace corvid::engine
