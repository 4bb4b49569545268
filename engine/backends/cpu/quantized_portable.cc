#include <algorithm>

#include "engine/backends/cpu/quantized.h"

namespace corvid::engine {
namespace {

constexpr int64_t kTile = 8;  // rows that share an unpacked block

float dot_group(const WeightGroup& group, const int8_t* q, float d, const float* sums) {
  float sum = 0;
  for (int half = 0; half < 2; ++half) {
    int32_t whole = 0;
    for (int i = half * 16; i < (half + 1) * 16; ++i) whole += group.w[i] * q[i];
    sum += group.scale[half] * d * static_cast<float>(whole) - group.min[half] * sums[half];
  }
  return sum;
}

}  // namespace

void int8_matmul_portable(const Int8Args& args, int64_t begin, int64_t end) {
  const UnpackBlock unpack = find_unpack(args.w.type);
  const TypeInfo& info = type_info(args.w.type);
  const int64_t in = args.w.in, groups = info.block_elements / kGroup;
  WeightGroup block[kGroupsMax];
  for (int64_t first = 0; first < args.rows; first += kTile) {
    const int64_t rows = std::min(kTile, args.rows - first);
    for (int64_t o = begin; o < end; ++o) {
      float sums[kTile] = {};
      const std::byte* from = args.w.data + o * args.w.row_bytes();
      for (int64_t g = 0; g < in / kGroup; g += groups, from += info.block_bytes) {
        unpack(from, block);
        for (int64_t r = 0; r < rows; ++r) {
          const int64_t row = first + r;
          for (int64_t i = 0; i < groups; ++i) {
            sums[r] += dot_group(block[i], args.x.q + row * in + (g + i) * kGroup,
                                 args.x.d[row * (in / kGroup) + g + i],
                                 args.x.sums + row * (in / 16) + 2 * (g + i));
          }
        }
      }
      for (int64_t r = 0; r < rows; ++r) args.y[(first + r) * args.w.out + o] = sums[r];
    }
  }
}

}  // namespace corvid::engine
