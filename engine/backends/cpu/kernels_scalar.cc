#include "engine/backends/cpu/kernels_impl.h"
#include "engine/backends/cpu/vec_portable.h"

namespace corvid::engine {

extern const Kernels kScalarKernels;
const Kernels kScalarKernels =
    KernelsImpl<VecPortable>::table("scalar", nullptr, int8_matmul_portable);

}  // namespace corvid::engine
