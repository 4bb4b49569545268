#ifdef __AVX2__

#include <immintrin.h>

#include "engine/backends/common/dequantize.h"
#include "engine/backends/cpu/quantized.h"
#include "runtime/base/check.h"

namespace corvid::engine {
namespace {

// 32 weights as bytes. Value i is scale[i / 16] * w[i] - min[i / 16].
struct Group {
  __m256i w;
  __m256 scale;  // four lanes of each half
  float min[2];
};

__m128i load16(const std::byte* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}
__m256i load32(const std::byte* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
float half_at(const std::byte* from) {
  uint16_t bits;
  __builtin_memcpy(&bits, from, sizeof bits);
  return _cvtsh_ss(bits);
}
__m256 halves(float a, float b) { return _mm256_set_m128(_mm_set1_ps(b), _mm_set1_ps(a)); }

// A block type: its bytes, its groups, whether weights are below zero, and whether minima count.
struct Q8 {
  static constexpr int64_t kBytes = 34, kGroups = 1;
  static constexpr bool kSigned = true, kHasMin = false;
  static void load(const std::byte* block, Group* group) {
    group->w = load32(block + 2);
    group->scale = _mm256_set1_ps(half_at(block));
  }
};

struct Q4 {
  static constexpr int64_t kBytes = 18, kGroups = 1;
  static constexpr bool kSigned = false, kHasMin = true;
  static void load(const std::byte* block, Group* group) {
    const __m128i q = load16(block + 2), low = _mm_set1_epi8(15);
    group->w = _mm256_set_m128i(_mm_and_si128(_mm_srli_epi16(q, 4), low), _mm_and_si128(q, low));
    const float d = half_at(block);
    group->scale = _mm256_set1_ps(d);
    group->min[0] = group->min[1] = 8 * d;
  }
};

struct Q4K {
  static constexpr int64_t kBytes = 144, kGroups = 8;
  static constexpr bool kSigned = false, kHasMin = true;
  static void load(const std::byte* block, Group* groups) {
    const float d = half_at(block), dmin = half_at(block + 2);
    for (int s = 0; s < 8; ++s) {
      const int scale = k_scale(block, s), min = k_min(block, s);
      groups[s].scale = _mm256_set1_ps(d * static_cast<float>(scale));
      groups[s].min[0] = groups[s].min[1] = dmin * static_cast<float>(min);
    }
    const __m256i low = _mm256_set1_epi8(15);
    for (int k = 0; k < 4; ++k) {
      const __m256i q = load32(block + 16 + 32 * k);
      groups[2 * k].w = _mm256_and_si256(q, low);
      groups[2 * k + 1].w = _mm256_and_si256(_mm256_srli_epi16(q, 4), low);
    }
  }
};

struct Q6K {
  static constexpr int64_t kBytes = 210, kGroups = 8;
  static constexpr bool kSigned = false, kHasMin = true;
  static void load(const std::byte* block, Group* groups) {
    const float d = half_at(block + 208);
    const auto* scales = reinterpret_cast<const int8_t*>(block + 192);
    const __m256i four = _mm256_set1_epi8(15), two = _mm256_set1_epi8(3);
    for (int half = 0; half < 2; ++half) {
      const __m256i high = load32(block + 128 + 32 * half);
      const __m256i low[2] = {load32(block + 64 * half), load32(block + 64 * half + 32)};
      for (int part = 0; part < 4; ++part) {
        const __m256i nibbles = part < 2 ? low[part % 2] : _mm256_srli_epi16(low[part % 2], 4);
        const __m256i bits = _mm256_and_si256(_mm256_srli_epi16(high, 2 * part), two);
        Group& group = groups[4 * half + part];
        group.w =
            _mm256_or_si256(_mm256_and_si256(nibbles, four), _mm256_slli_epi16(bits, 4));
        const int8_t* s = scales + 8 * half + 2 * part;
        const float a = d * static_cast<float>(s[0]), c = d * static_cast<float>(s[1]);
        group.scale = halves(a, c);
        group.min[0] = 32 * a;
        group.min[1] = 32 * c;
      }
    }
  }
};

// Any other type, by way of its portable form.
template <TensorType kType, int64_t kBlockBytes, int64_t kBlockGroups>
struct Any {
  static constexpr int64_t kBytes = kBlockBytes, kGroups = kBlockGroups;
  static constexpr bool kSigned = true, kHasMin = true;
  static void load(const std::byte* block, Group* groups) {
    static const UnpackBlock unpack = find_unpack(kType);
    WeightGroup plain[kGroups];
    unpack(block, plain);
    for (int64_t i = 0; i < kGroups; ++i) {
      groups[i].w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(plain[i].w));
      groups[i].scale = halves(plain[i].scale[0], plain[i].scale[1]);
      groups[i].min[0] = plain[i].min[0];
      groups[i].min[1] = plain[i].min[1];
    }
  }
};

float sum_lanes(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_hadd_ps(s, s);
  return _mm_cvtss_f32(_mm_hadd_ps(s, s));
}

// One output of kRows rows of x.
template <class Type, int kRows>
void dot_rows(const std::byte* w, const Int8Args& args, int64_t row, int64_t o) {
  const int64_t in = args.w.in, groups = in / kGroup;
  __m256 sums[kRows];
  float mins[kRows] = {};
  for (__m256& sum : sums) sum = _mm256_setzero_ps();
  const __m256i ones = _mm256_set1_epi16(1);
  for (int64_t g = 0; g < groups; g += Type::kGroups, w += Type::kBytes) {
    Group block[Type::kGroups];
    Type::load(w, block);
    for (int64_t i = 0; i < Type::kGroups; ++i) {
      const Group& group = block[i];
      const __m256i magnitude = Type::kSigned ? _mm256_abs_epi8(group.w) : group.w;
      for (int r = 0; r < kRows; ++r) {
        const int64_t at = (row + r) * groups + g + i;
        const auto* q = reinterpret_cast<const __m256i*>(args.x.q + at * kGroup);
        __m256i x = _mm256_loadu_si256(q);
        if (Type::kSigned) x = _mm256_sign_epi8(x, group.w);
        const __m256i whole = _mm256_madd_epi16(_mm256_maddubs_epi16(magnitude, x), ones);
        const __m256 scale = _mm256_mul_ps(group.scale, _mm256_set1_ps(args.x.d[at]));
        sums[r] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole), scale, sums[r]);
        if (Type::kHasMin) {
          const float* part = args.x.sums + 2 * at;
          mins[r] = __builtin_fmaf(group.min[1], part[1],
                                   __builtin_fmaf(group.min[0], part[0], mins[r]));
        }
      }
    }
  }
  for (int r = 0; r < kRows; ++r) args.y[(row + r) * args.w.out + o] = sum_lanes(sums[r]) - mins[r];
}

// The 32 weights of a group as floats.
template <class Type>
void decode(const Group& group, __m256* out) {
  const __m128i parts[2] = {_mm256_castsi256_si128(group.w), _mm256_extracti128_si256(group.w, 1)};
  const __m256 scales[2] = {
      _mm256_permute2f128_ps(group.scale, group.scale, 0x00),
      _mm256_permute2f128_ps(group.scale, group.scale, 0x11)};
  for (int half = 0; half < 2; ++half) {
    const __m128i high = _mm_srli_si128(parts[half], 8);
    const __m256i low8 = Type::kSigned ? _mm256_cvtepi8_epi32(parts[half])
                                       : _mm256_cvtepu8_epi32(parts[half]);
    const __m256i high8 = Type::kSigned ? _mm256_cvtepi8_epi32(high) : _mm256_cvtepu8_epi32(high);
    const __m256 min = _mm256_set1_ps(Type::kHasMin ? group.min[half] : 0);
    out[2 * half] = _mm256_fmsub_ps(_mm256_cvtepi32_ps(low8), scales[half], min);
    out[2 * half + 1] = _mm256_fmsub_ps(_mm256_cvtepi32_ps(high8), scales[half], min);
  }
}

// One output of kRows rows of x, not rounded.
template <class Type, int kRows>
void dot_rows(const std::byte* w, const MatmulArgs& args, int64_t row, int64_t o) {
  const int64_t in = args.w.in;
  __m256 sums[kRows][2];
  for (auto& sum : sums) sum[0] = sum[1] = _mm256_setzero_ps();
  for (int64_t at = 0; at < in; at += Type::kGroups * kGroup, w += Type::kBytes) {
    Group block[Type::kGroups];
    Type::load(w, block);
    for (int64_t i = 0; i < Type::kGroups; ++i) {
      __m256 weights[4];
      decode<Type>(block[i], weights);
      for (int r = 0; r < kRows; ++r) {
        const float* x = args.x + (row + r) * in + at + i * kGroup;
        for (int part = 0; part < 4; ++part) {
          __m256& sum = sums[r][part % 2];
          sum = _mm256_fmadd_ps(weights[part], _mm256_loadu_ps(x + 8 * part), sum);
        }
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    args.y[(row + r) * args.w.out + o] = sum_lanes(_mm256_add_ps(sums[r][0], sums[r][1]));
  }
}

template <class Type, class Args>
void matmul_as(const Args& args, int64_t begin, int64_t end) {
  for (int64_t o = begin; o < end; ++o) {
    const std::byte* w = args.w.data + o * args.w.row_bytes();
    int64_t row = 0;
    for (; row + 4 <= args.rows; row += 4) dot_rows<Type, 4>(w, args, row, o);
    for (; row < args.rows; ++row) dot_rows<Type, 1>(w, args, row, o);
  }
}

template <class Args>
void matmul(const Args& args, int64_t begin, int64_t end) {

  switch (args.w.type) {
    case TensorType::q8_0: return matmul_as<Q8>(args, begin, end);
    case TensorType::q4_0: return matmul_as<Q4>(args, begin, end);
    case TensorType::q4_k: return matmul_as<Q4K>(args, begin, end);
    case TensorType::q6_k: return matmul_as<Q6K>(args, begin, end);
    case TensorType::q4_1: return matmul_as<Any<TensorType::q4_1, 20, 1>>(args, begin, end);
    case TensorType::q5_0: return matmul_as<Any<TensorType::q5_0, 22, 1>>(args, begin, end);
    case TensorType::q5_1: return matmul_as<Any<TensorType::q5_1, 24, 1>>(args, begin, end);
    case TensorType::q2_k: return matmul_as<Any<TensorType::q2_k, 84, 8>>(args, begin, end);
    case TensorType::q3_k: return matmul_as<Any<TensorType::q3_k, 110, 8>>(args, begin, end);
    case TensorType::q5_k: return matmul_as<Any<TensorType::q5_k, 176, 8>>(args, begin, end);
    case TensorType::iq4_nl: return matmul_as<Any<TensorType::iq4_nl, 18, 1>>(args, begin, end);
    case TensorType::iq4_xs: return matmul_as<Any<TensorType::iq4_xs, 136, 8>>(args, begin, end);
    case TensorType::mxfp4: return matmul_as<Any<TensorType::mxfp4, 17, 1>>(args, begin, end);
    case TensorType::nvfp4: return matmul_as<Any<TensorType::nvfp4, 36, 2>>(args, begin, end);
    default: CHECK(false);
  }
}

}  // namespace

void quantized_matmul_avx2(const MatmulArgs& args, int64_t begin, int64_t end) {
  matmul(args, begin, end);
}

void int8_matmul_avx2(const Int8Args& args, int64_t begin, int64_t end) {
  matmul(args, begin, end);
}

}  // namespace corvid::engine

#endif
