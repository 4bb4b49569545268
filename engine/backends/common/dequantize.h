#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/gguf.h"

namespace corvid::engine {

float half_to_float(uint16_t bits);
uint16_t float_to_half(float value);  // rounds to nearest even

// `count` values of one row, a whole number of blocks, exactly as the format defines them. The type
// is one of those that are evaluated.
void dequantize_row(TensorType type, const std::byte* row, int64_t count, float* out);

// The reverse of dequantize_row for F32, F16, BF16 and Q8_0: nearest values.
void quantize_row(TensorType type, const float* row, int64_t count, std::byte* out);

}  // namespace corvid::engine
