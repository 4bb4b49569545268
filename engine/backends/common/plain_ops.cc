#include "engine/backends/common/plain_ops.h"

#include <cmath>
#include <vector>

#include "engine/backends/common/dequantize.h"

namespace corvid::engine {

void plain_rope(const RopeArgs& args) {
  const int64_t half = args.dims / 2;
  std::vector<double> frequency(static_cast<size_t>(half));
  for (int64_t i = 0; i < half; ++i) {
    frequency[static_cast<size_t>(i)] =
        std::pow(args.base, -2.0 * static_cast<double>(i) / static_cast<double>(args.dims));
  }
  for (int64_t row = 0; row < args.rows; ++row) {
    float* heads = args.x + row * args.heads * args.head_dim;
    for (int64_t i = 0; i < half; ++i) {
      const double angle = args.positions[row] * frequency[static_cast<size_t>(i)];
      const auto cosine = static_cast<float>(std::cos(angle));
      const auto sine = static_cast<float>(std::sin(angle));
      for (int64_t head = 0; head < args.heads; ++head) {
        float& a = heads[head * args.head_dim + i];
        float& b = heads[head * args.head_dim + i + half];
        const float a_old = a;
        a = a_old * cosine - b * sine;
        b = a_old * sine + b * cosine;
      }
    }
  }
}

void plain_gather(const Matrix& w, std::span<const int32_t> ids, float* y) {
  for (const int32_t id : ids) {
    dequantize_row(w.type, w.data + id * w.row_bytes(), w.in, y);
    y += w.in;
  }
}

}  // namespace corvid::engine
