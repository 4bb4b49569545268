#ifdef __aarch64__

#include "engine/backends/cpu/quantized_neon_impl.h"

namespace corvid::engine {
namespace {

struct Multiply {
  // Two products of bytes fit 16 bits: no x is -128.
  static int32x4_t dot(int8x16_t w, int8x16_t x) {
    const int16x8_t products =
        vmlal_high_s8(vmull_s8(vget_low_s8(w), vget_low_s8(x)), w, x);
    return vpaddlq_s16(products);
  }
};

}  // namespace

void int8_matmul_neon(const Int8Args& args, int64_t begin, int64_t end) {
  neon::int8_matmul<Multiply>(args, begin, end);
}

}  // namespace corvid::engine

#endif
