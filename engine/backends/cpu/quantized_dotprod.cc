#ifdef __ARM_FEATURE_DOTPROD

#include "engine/backends/cpu/quantized_neon_impl.h"

namespace corvid::engine {
namespace {

struct DotProduct {
  static int32x4_t dot(int8x16_t w, int8x16_t x) { return vdotq_s32(vdupq_n_s32(0), w, x); }
};

}  // namespace

void int8_matmul_dotprod(const Int8Args& args, int64_t begin, int64_t end) {
  neon::int8_matmul<DotProduct>(args, begin, end);
}

}  // namespace corvid::engine

#endif
