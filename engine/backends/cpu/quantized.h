#pragma once
// Products with quantized weights.

#include <cstdint>

#include "engine/backends/common/weight_groups.h"
#include "engine/backends/ops.h"

namespace corvid::engine {

struct MatmulArgs {
  const Matrix& w;
  const float* x = nullptr;  // (rows, w.in)
  int64_t rows = 0;
  float* y = nullptr;  // (rows, w.out)
};

// The same with activations rounded to 8 bits.
struct Int8Args {
  const Matrix& w;  // of a type that find_unpack() knows
  RoundedRows x;
  int64_t rows = 0;
  float* y = nullptr;  // (rows, w.out)
};

// All of them: columns [begin, end) of y. A row's result does not depend on the others. Those named
// _avx2 need AVX2, FMA and F16C, those named _neon and _dotprod a 64-bit ARM without and with its
// dot product instructions.
void quantized_matmul_avx2(const MatmulArgs& args, int64_t begin, int64_t end);
void int8_matmul_portable(const Int8Args& args, int64_t begin, int64_t end);
void int8_matmul_avx2(const Int8Args& args, int64_t begin, int64_t end);
void int8_matmul_neon(const Int8Args& args, int64_t begin, int64_t end);
void int8_matmul_dotprod(const Int8Args& args, int64_t begin, int64_t end);

}  // namespace corvid::engine
