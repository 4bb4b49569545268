#include "engine/backends/common/plain_ops.h"

#include <cmath>

#include "engine/backends/common/dequantize.h"

namespace corvid::engine {

void plain_rope(const RopeArgs& args) {
  const auto pairs = static_cast<int64_t>(args.frequencies.size());
  const int64_t apart = args.interleaved ? 1 : pairs, step = args.interleaved ? 2 : 1;
  for (int64_t row = 0; row < args.rows; ++row) {
    float* heads = args.x + row * args.heads * args.head_dim;
    for (int64_t i = 0; i < pairs; ++i) {
      const double angle = args.positions[row] * args.frequencies[static_cast<size_t>(i)];
      const auto cosine = static_cast<float>(std::cos(angle) * args.magnitude);
      const auto sine = static_cast<float>(std::sin(angle) * args.magnitude);
      for (int64_t head = 0; head < args.heads; ++head) {
        float& a = heads[head * args.head_dim + i * step];
        float& b = heads[head * args.head_dim + i * step + apart];
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
