#ifdef __aarch64__

#include "engine/backends/cpu/kernels_impl.h"
#include "engine/backends/cpu/vec_neon.h"

namespace corvid::engine {

extern const Kernels kNeonKernels, kDotprodKernels;
const Kernels kNeonKernels = KernelsImpl<VecNeon>::table("neon", nullptr, int8_matmul_neon);
const Kernels kDotprodKernels =
    KernelsImpl<VecNeon>::table("dotprod", nullptr, int8_matmul_dotprod);

}  // namespace corvid::engine

#endif
