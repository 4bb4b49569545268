#ifdef __AVX512VNNI__

#include <immintrin.h>

#include "engine/backends/common/weight_groups.h"
#include "engine/backends/cpu/packed.h"
#include "runtime/base/check.h"

namespace corvid::engine {
namespace {

constexpr int64_t kLine = 64;

__m512i load64(const std::byte* from) { return _mm512_loadu_si512(from); }

__m512 load_halves(const std::byte* from) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

__m512 load_numbers(const std::byte* from) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}

// Four steps of 16 outputs, `quad` 0 to 7 of a group, as unsigned bytes.
template <int kBits>
inline __m512i weights_at(const std::byte* group, int quad) {
  if (kBits == 8) return load64(group + quad * kLine);
  const __m512i low_bits = _mm512_set1_epi8(15);
  const __m512i pair = load64(group + quad / 2 * kLine);
  const __m512i low = quad % 2 == 0 ? pair : _mm512_srli_epi16(pair, 4);
  if (kBits == 4) return _mm512_and_si512(low, low_bits);
  const __m512i four = load64(group + (4 + quad / 4) * kLine);
  const __m512i high = quad % 4 == 0   ? four
                       : quad % 4 == 1 ? _mm512_srli_epi16(four, 2)
                       : quad % 4 == 2 ? _mm512_slli_epi16(four, 4)
                                       : _mm512_slli_epi16(four, 2);
  const __m512i both = _mm512_ternarylogic_epi32(low_bits, low, high, 0xca);
  return _mm512_and_si512(both, _mm512_set1_epi8(63));
}

int32_t four_bytes(const int8_t* from) {
  int32_t value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

// One panel of a matrix and one tile of rows.
struct TileArgs {
  const std::byte *weights, *scales, *mins, *supers, *super_mins;
  TiledRows x;
  int64_t groups;
  float* y;
  int64_t stride;
  __mmask16 columns;
};

template <TensorType kType, int kRows>
void multiply_tile(const TileArgs& args) {
  constexpr PackedShape kShape = packed_shape(kType);
  constexpr int kQuads = 8 / kShape.halves, kNumber = kShape.is_super ? 1 : 2;
  __m512 sums[kRows], d = _mm512_setzero_ps(), d_min = d;
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  for (int64_t g = 0; g < args.groups; ++g) {
    if (kShape.is_super && g % kSuper == 0) {
      d = load_halves(args.supers + g / kSuper * kPanel * 2);
      if (kShape.has_min) d_min = load_halves(args.super_mins + g / kSuper * kPanel * 2);
    }
    const std::byte* group = args.weights + g * kLine * kShape.bits;
    const int64_t at = g * kRows;
#pragma GCC unroll 2
    for (int half = 0; half < kShape.halves; ++half) {
      __m512i whole[kRows];
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) {
        whole[r] = kShape.offset == 0
                       ? _mm512_setzero_si512()
                       : _mm512_set1_epi32(args.x.start[(at + r) * kShape.halves + half]);
      }
#pragma GCC unroll 8
      for (int quad = half * kQuads; quad < (half + 1) * kQuads; ++quad) {
        const __m512i w = weights_at<kShape.bits>(group, quad);
        const int8_t* q = args.x.q + at * kGroup + quad * 4;
#pragma GCC unroll 12
        for (int r = 0; r < kRows; ++r) {
          const __m512i x = _mm512_set1_epi32(four_bytes(q + r * kGroup));
          whole[r] = _mm512_dpbusd_epi32(whole[r], w, x);
        }
      }
      const std::byte* from = args.scales + (g * kShape.halves + half) * kPanel * kNumber;
      const __m512 scale =
          kShape.is_super ? _mm512_mul_ps(d, load_numbers(from)) : load_halves(from);
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) {
        const __m512 unit = _mm512_mul_ps(scale, _mm512_set1_ps(args.x.d[at + r]));
        sums[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole[r]), unit, sums[r]);
      }
    }
    if (kShape.has_min) {
      const std::byte* from = args.mins + g * kPanel * kNumber;
      const __m512 min =
          kShape.is_super ? _mm512_mul_ps(d_min, load_numbers(from)) : load_halves(from);
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) {
        sums[r] = _mm512_fnmadd_ps(min, _mm512_set1_ps(args.x.sums[at + r]), sums[r]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    _mm512_mask_storeu_ps(args.y + r * args.stride, args.columns, sums[r]);
  }
}

template <TensorType kType>
void matmul_as(const PackedArgs& args, int64_t begin, int64_t end) {
  constexpr PackedShape kShape = packed_shape(kType);
  constexpr int64_t kNumber = kShape.is_super ? 1 : 2;
  const PackedMatrix& w = args.w;
  const int64_t groups = w.in / kGroup;
  for (int64_t panel = begin; panel < end; ++panel) {
    const int64_t first = panel * groups, left = w.out - panel * kPanel;
    TileArgs tile{.weights = w.weights + first * kLine * kShape.bits,
                  .scales = w.scales + first * kShape.halves * kPanel * kNumber,
                  .mins = w.mins + first * kPanel * kNumber,
                  .supers = w.supers + first / kSuper * kPanel * 2,
                  .super_mins = w.super_mins + first / kSuper * kPanel * 2,
                  .x = args.x,
                  .groups = groups,
                  .y = args.y + panel * kPanel,
                  .stride = w.out,
                  .columns = static_cast<__mmask16>(left >= kPanel ? 0xffff : (1 << left) - 1)};
    for (int64_t row = 0; row < args.rows;) {
      const int64_t rows = tile_rows(args.rows - row);
      if (rows == 12) multiply_tile<kType, 12>(tile);
      else if (rows == 8) multiply_tile<kType, 8>(tile);
      else if (rows == 4) multiply_tile<kType, 4>(tile);
      else multiply_tile<kType, 1>(tile);
      row += rows;
      tile.y += rows * w.out;
      tile.x.q += rows * w.in;
      tile.x.d += rows * groups;
      tile.x.sums += rows * groups;
      tile.x.start += rows * groups * kShape.halves;
    }
  }
}

// One group of one row.
void round_group(const float* x, const PackedShape& shape, int64_t index, const TiledRows& out) {
  const __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16);
  const float largest =
      _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(a), _mm512_abs_ps(b)));
  const __m512 inverse = _mm512_set1_ps(largest > 0 ? 127 / largest : 0);
  const __m512i whole_a = _mm512_cvtps_epi32(_mm512_mul_ps(a, inverse));
  const __m512i whole_b = _mm512_cvtps_epi32(_mm512_mul_ps(b, inverse));
  auto* q = reinterpret_cast<__m128i*>(out.q + index * kGroup);
  _mm_storeu_si128(q, _mm512_cvtsepi32_epi8(whole_a));
  _mm_storeu_si128(q + 1, _mm512_cvtsepi32_epi8(whole_b));
  const float d = largest / 127;
  out.d[index] = d;
  if (shape.halves == 2) {
    out.start[2 * index] = -shape.offset * _mm512_reduce_add_epi32(whole_a);
    out.start[2 * index + 1] = -shape.offset * _mm512_reduce_add_epi32(whole_b);
    return;
  }
  const int32_t sum = _mm512_reduce_add_epi32(_mm512_add_epi32(whole_a, whole_b));
  if (shape.has_min) out.sums[index] = d * static_cast<float>(sum);
  else out.start[index] = -shape.offset * sum;
}

}  // namespace

void packed_matmul_avx512(const PackedArgs& args, int64_t begin, int64_t end) {
  switch (args.w.type) {
    case TensorType::q4_0: return matmul_as<TensorType::q4_0>(args, begin, end);
    case TensorType::q4_1: return matmul_as<TensorType::q4_1>(args, begin, end);
    case TensorType::q4_k: return matmul_as<TensorType::q4_k>(args, begin, end);
    case TensorType::q5_0: return matmul_as<TensorType::q5_0>(args, begin, end);
    case TensorType::q5_1: return matmul_as<TensorType::q5_1>(args, begin, end);
    case TensorType::q5_k: return matmul_as<TensorType::q5_k>(args, begin, end);
    case TensorType::q6_k: return matmul_as<TensorType::q6_k>(args, begin, end);
    case TensorType::q8_0: return matmul_as<TensorType::q8_0>(args, begin, end);
    default: CHECK(false);
  }
}

void round_tiles_avx512(const RoundTilesArgs& args, int64_t begin, int64_t end) {
  const int64_t groups = args.in / kGroup;
  for (int64_t first = 0; first < end;) {
    const int64_t rows = tile_rows(args.rows - first);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t row = first + r;
      if (row < begin || row >= end) continue;
      const float* x = args.x + row * args.in;
      for (int64_t g = 0; g < groups; ++g) {
        round_group(x + g * kGroup, args.shape, first * groups + g * rows + r, args.out);
      }
    }
    first += rows;
  }
}

}  // namespace corvid::engine

#endif
