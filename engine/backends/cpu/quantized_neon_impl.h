#pragma once
// Products of quantized weights with activations rounded to 8 bits, over a class that adds up 16
// products of bytes: one for every 64-bit ARM, one for those with the dot product instructions.

#include <cstring>

#include <arm_neon.h>

#include "engine/backends/cpu/quantized.h"
#include "runtime/base/check.h"

namespace corvid::engine::neon {

// 32 weights. Value i is scale[i / 16] * w[i] - min[i / 16].
struct Group {
  int8x16_t w[2];
  float scale[2], min[2];
};

inline int8x16_t load16(const std::byte* from) {
  return vld1q_s8(reinterpret_cast<const int8_t*>(from));
}
inline uint8x16_t load16u(const std::byte* from) {
  return vld1q_u8(reinterpret_cast<const uint8_t*>(from));
}
inline float half_at(const std::byte* from) {
  __fp16 value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

struct Q8 {
  static constexpr int64_t kBytes = 34, kGroups = 1;
  static constexpr bool kHasMin = false;
  static void load(const std::byte* block, Group* group) {
    group->w[0] = load16(block + 2);
    group->w[1] = load16(block + 18);
    group->scale[0] = group->scale[1] = half_at(block);
  }
};

struct Q4 {
  static constexpr int64_t kBytes = 18, kGroups = 1;
  static constexpr bool kHasMin = false;
  static void load(const std::byte* block, Group* group) {
    const uint8x16_t q = load16u(block + 2);
    const int8x16_t eight = vdupq_n_s8(8);
    group->w[0] = vsubq_s8(vreinterpretq_s8_u8(vandq_u8(q, vdupq_n_u8(15))), eight);
    group->w[1] = vsubq_s8(vreinterpretq_s8_u8(vshrq_n_u8(q, 4)), eight);
    group->scale[0] = group->scale[1] = half_at(block);
  }
};

struct Q4K {
  static constexpr int64_t kBytes = 144, kGroups = 8;
  static constexpr bool kHasMin = true;
  static void load(const std::byte* block, Group* groups) {
    const float d = half_at(block), dmin = half_at(block + 2);
    for (int s = 0; s < 8; ++s) {
      const int scale = k_scale(block, s), min = k_min(block, s);
      groups[s].scale[0] = groups[s].scale[1] = d * static_cast<float>(scale);
      groups[s].min[0] = groups[s].min[1] = dmin * static_cast<float>(min);
    }
    for (int k = 0; k < 4; ++k) {
      for (int half = 0; half < 2; ++half) {
        const uint8x16_t q = load16u(block + 16 + 32 * k + 16 * half);
        groups[2 * k].w[half] = vreinterpretq_s8_u8(vandq_u8(q, vdupq_n_u8(15)));
        groups[2 * k + 1].w[half] = vreinterpretq_s8_u8(vshrq_n_u8(q, 4));
      }
    }
  }
};

// Any other type, by way of its portable form.
template <TensorType kType, int64_t kBlockBytes, int64_t kBlockGroups>
struct Any {
  static constexpr int64_t kBytes = kBlockBytes, kGroups = kBlockGroups;
  static constexpr bool kHasMin = true;
  static void load(const std::byte* block, Group* groups) {
    static const UnpackBlock unpack = find_unpack(kType);
    WeightGroup plain[kGroups];
    unpack(block, plain);
    for (int64_t i = 0; i < kGroups; ++i) {
      for (int half = 0; half < 2; ++half) {
        groups[i].w[half] = vld1q_s8(plain[i].w + 16 * half);
        groups[i].scale[half] = plain[i].scale[half];
        groups[i].min[half] = plain[i].min[half];
      }
    }
  }
};

// One output of kRows rows of x.
template <class Dot, class Type, int kRows>
void dot_rows(const std::byte* w, const Int8Args& args, int64_t row, int64_t o) {
  const int64_t groups = args.w.in / kGroup;
  float32x4_t sums[kRows];
  float mins[kRows] = {};
  for (float32x4_t& sum : sums) sum = vdupq_n_f32(0);
  for (int64_t g = 0; g < groups; g += Type::kGroups, w += Type::kBytes) {
    Group block[Type::kGroups];
    Type::load(w, block);
    for (int64_t i = 0; i < Type::kGroups; ++i) {
      const Group& group = block[i];
      for (int r = 0; r < kRows; ++r) {
        const int64_t at = (row + r) * groups + g + i;
        for (int half = 0; half < 2; ++half) {
          const int32x4_t whole =
              Dot::dot(group.w[half], vld1q_s8(args.x.q + at * kGroup + 16 * half));
          sums[r] = vfmaq_n_f32(sums[r], vcvtq_f32_s32(whole), group.scale[half] * args.x.d[at]);
          if (Type::kHasMin) mins[r] += group.min[half] * args.x.sums[2 * at + half];
        }
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    args.y[(row + r) * args.w.out + o] = vaddvq_f32(sums[r]) - mins[r];
  }
}

template <class Dot, class Type>
void matmul_as(const Int8Args& args, int64_t begin, int64_t end) {
  for (int64_t o = begin; o < end; ++o) {
    const std::byte* w = args.w.data + o * args.w.row_bytes();
    int64_t row = 0;
    for (; row + 4 <= args.rows; row += 4) dot_rows<Dot, Type, 4>(w, args, row, o);
    for (; row < args.rows; ++row) dot_rows<Dot, Type, 1>(w, args, row, o);
  }
}

template <class Dot>
void int8_matmul(const Int8Args& args, int64_t begin, int64_t end) {
  switch (args.w.type) {
    case TensorType::q8_0: return matmul_as<Dot, Q8>(args, begin, end);
    case TensorType::q4_0: return matmul_as<Dot, Q4>(args, begin, end);
    case TensorType::q4_k: return matmul_as<Dot, Q4K>(args, begin, end);
    case TensorType::q4_1: return matmul_as<Dot, Any<TensorType::q4_1, 20, 1>>(args, begin, end);
    case TensorType::q5_0: return matmul_as<Dot, Any<TensorType::q5_0, 22, 1>>(args, begin, end);
    case TensorType::q5_1: return matmul_as<Dot, Any<TensorType::q5_1, 24, 1>>(args, begin, end);
    case TensorType::q2_k: return matmul_as<Dot, Any<TensorType::q2_k, 84, 8>>(args, begin, end);
    case TensorType::q3_k: return matmul_as<Dot, Any<TensorType::q3_k, 110, 8>>(args, begin, end);
    case TensorType::q5_k: return matmul_as<Dot, Any<TensorType::q5_k, 176, 8>>(args, begin, end);
    case TensorType::q6_k: return matmul_as<Dot, Any<TensorType::q6_k, 210, 8>>(args, begin, end);
    case TensorType::iq4_nl:
      return matmul_as<Dot, Any<TensorType::iq4_nl, 18, 1>>(args, begin, end);
    case TensorType::iq4_xs:
      return matmul_as<Dot, Any<TensorType::iq4_xs, 136, 8>>(args, begin, end);
    case TensorType::mxfp4: return matmul_as<Dot, Any<TensorType::mxfp4, 17, 1>>(args, begin, end);
    case TensorType::nvfp4: return matmul_as<Dot, Any<TensorType::nvfp4, 36, 2>>(args, begin, end);
    default: CHECK(false);
  }
}

}  // namespace corvid::engine::neon
