#pragma once
// Products of quantized weights with activations rounded to 8 bits.

#include <cstdint>

#include "engine/backends/common/weight_groups.h"
#include "engine/backends/ops.h"

namespace corvid::engine {

struct Int8Args {
  const Matrix& w;  // of a type that find_unpack() knows
  RoundedRows x;
  int64_t rows = 0;
  float* y = nullptr;  // (rows, w.out)
};

// Columns [begin, end) of y. A row's result does not depend on the others.
void int8_matmul_portable(const Int8Args& args, int64_t begin, int64_t end);
// Needs AVX2 and FMA.
void int8_matmul_avx2(const Int8Args& args, int64_t begin, int64_t end);

}  // namespace corvid::engine
