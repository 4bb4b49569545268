#ifdef __AVX2__

#include "engine/backends/cpu/kernels_impl.h"
#include "engine/backends/cpu/vec_avx2.h"

namespace corvid::engine {

extern const Kernels kAvx2Kernels;
const Kernels kAvx2Kernels = KernelsImpl<VecAvx2>::table(
    "avx2", quantized_matmul_avx2, int8_matmul_avx2, packed_matmul_avx2, round_tiles_avx2);

}  // namespace corvid::engine

#endif
