#ifdef __AVX512VNNI__

#include "engine/backends/cpu/kernels_impl.h"
#include "engine/backends/cpu/vec_avx512.h"

namespace corvid::engine {

// Quantized weights that are not packed take the kernels for AVX2.
extern const Kernels kAvx512Kernels;
const Kernels kAvx512Kernels = KernelsImpl<VecAvx512>::table(
    "avx512", quantized_matmul_avx2, int8_matmul_avx2, packed_matmul_avx512, round_tiles_avx512);

}  // namespace corvid::engine

#endif
