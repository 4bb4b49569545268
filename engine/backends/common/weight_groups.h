#pragma once
// Quantized weights as groups of 32 values, the same form for every type. Layouts from
// ggml-org/ggml src/ggml-common.h.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/gguf.h"

namespace corvid::engine {

inline constexpr int64_t kGroup = 32;  // values; every quantized row is a whole number of groups

// Value i is scale[i / 16] * w[i] - min[i / 16], in float and in this order.
struct WeightGroup {
  int8_t w[kGroup];
  float scale[2], min[2];
};

// Writes the groups of one block: block_elements / kGroup of them. nullptr for types that are not
// quantized or not known here.
using UnpackBlock = void (*)(const std::byte* block, WeightGroup* groups);
UnpackBlock find_unpack(TensorType type);

inline constexpr int64_t kGroupsMax = 8;  // of one block

// The six bits of the scale and of the minimum of group `s` in a block of Q4_K or Q5_K. Static,
// since code for several instruction sets must not share one copy.
static inline int k_scale(const std::byte* block, int s) {
  const auto* b = reinterpret_cast<const uint8_t*>(block) + 4;
  return s < 4 ? b[s] & 63 : (b[s + 4] & 15) | (b[s - 4] >> 6) << 4;
}
static inline int k_min(const std::byte* block, int s) {
  const auto* b = reinterpret_cast<const uint8_t*>(block) + 4;
  return s < 4 ? b[s + 4] & 63 : b[s + 4] >> 4 | (b[s] >> 6) << 4;
}

// Activations rounded to 8 bits: per group of 32 x = d * q with d = max |x| / 127. Where one of
// them is infinite or NaN, q is 0 and d is NaN; q is 0 as well where all are below
// kSmallestLargest, since 127 divided by it may be infinite.
inline constexpr float kSmallestLargest = 1e-36f;
struct RoundedRows {
  int64_t in = 0;            // values of a row
  const int8_t* q = nullptr;     // (rows, in)
  const float* d = nullptr;      // (rows, in / 32)
  const float* sums = nullptr;   // (rows, in / 16) d times the sum of 16 q
};

// Keeps rounded rows of whole groups until the next time.
class RoundedBuffer {
 public:
  void reserve(int64_t values);
  // Rounds `count` values to the place of those from `at` on; by any thread.
  void round(const float* x, int64_t count, int64_t at);
  // Rows of `in` values from the value `at` on.
  RoundedRows at(int64_t at, int64_t in) const;

 private:
  std::vector<int8_t> q_;
  std::vector<float> d_, sums_;
};

}  // namespace corvid::engine
