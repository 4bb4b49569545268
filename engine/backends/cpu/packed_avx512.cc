#ifdef __AVX512VNNI__

#include <immintrin.h>

#include "engine/backends/common/weight_groups.h"
#include "engine/backends/cpu/packed_impl.h"

namespace corvid::engine {
namespace {

struct Avx512;

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

// The weights of one panel as they are packed, group after group.
template <TensorType kType>
class PackedSource : public PanelPlaces<Avx512, kType> {
 public:
  using Places = PanelPlaces<Avx512, kType>;
  using Places::kMin, Places::kShape;
  using Places::Places;

  void enter(int64_t g) {
    group_ = g;
    if (!kShape.is_super || g % kSuper != 0) return;
    d_ = load_halves(Places::super_at(g, 0));
    if (kMin) d_min_ = load_halves(Places::super_min_at(g, 0));
  }
  __m512i weights(int quad) const {
    return weights_at<kShape.bits>(Places::group_at(group_), quad);
  }
  __m512 scale(int half) const {
    const std::byte* from = Places::scale_at(group_, half, 0);
    return kShape.is_super ? _mm512_mul_ps(d_, load_numbers(from)) : load_halves(from);
  }
  __m512 min() const {
    const std::byte* from = Places::min_at(group_, 0);
    return kShape.is_super ? _mm512_mul_ps(d_min_, load_numbers(from)) : load_halves(from);
  }

 private:
  int64_t group_ = 0;
  __m512 d_ = _mm512_setzero_ps(), d_min_ = d_;
};

// The same unpacked.
template <int kHalves, bool kMin>
class UnpackedSource : public UnpackedPlaces<Avx512, kHalves, kMin> {
 public:
  using Places = UnpackedPlaces<Avx512, kHalves, kMin>;
  using Places::Places;

  __m512i weights(int quad) const { return load64(Places::line_at(quad)); }
  __m512 scale(int half) const { return numbers(Places::kScalesLine + half); }
  __m512 min() const { return numbers(Places::kMinsLine); }

 private:
  __m512 numbers(int line) const { return _mm512_loadu_ps(Places::line_at(line)); }
};

template <TensorType kType>
using Unpacked = UnpackedSource<packed_shape(kType).halves, packed_shape(kType).has_min>;

template <TensorType kType>
void unpack(PackedSource<kType> source, int64_t first, int64_t end, std::byte* to) {
  for (int64_t g = first; g < end; ++g, to += Unpacked<kType>::kBytes) {
    source.enter(g);
#pragma GCC unroll 8
    for (int quad = 0; quad < 8; ++quad) {
      _mm512_storeu_si512(to + quad * kLine, source.weights(quad));
    }
    auto* numbers = reinterpret_cast<float*>(to + 8 * kLine);
    for (int half = 0; half < source.kHalves; ++half, numbers += kPanel) {
      _mm512_storeu_ps(numbers, source.scale(half));
    }
    if (source.kMin) _mm512_storeu_ps(numbers, source.min());
  }
}

// Not inlined: its loop needs all registers.
template <int kRows, class Source>
[[gnu::noinline]] void multiply_tile(Source source, const TileArgs& args) {
  constexpr int kHalves = Source::kHalves, kQuads = 8 / kHalves;
  const auto columns = static_cast<__mmask16>((1 << args.columns) - 1);
  __m512 sums[kRows];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
    sums[r] = args.first == 0 ? _mm512_setzero_ps()
                              : _mm512_maskz_loadu_ps(columns, args.y + r * args.stride);
  }
  for (int64_t g = args.first; g < args.end; ++g) {
    source.enter(g);
    const int64_t at = g * kRows;
#pragma GCC unroll 2
    for (int half = 0; half < kHalves; ++half) {
      __m512i whole[kRows];
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) {
        // Where weights have a minimum they have no offset.
        whole[r] = Source::kMin ? _mm512_setzero_si512()
                                : _mm512_set1_epi32(args.x.start[(at + r) * kHalves + half]);
      }
#pragma GCC unroll 8
      for (int quad = half * kQuads; quad < (half + 1) * kQuads; ++quad) {
        const __m512i w = source.weights(quad);
        const int8_t* q = args.x.q + at * kGroup + quad * 4;
#pragma GCC unroll 12
        for (int r = 0; r < kRows; ++r) {
          const __m512i x = _mm512_set1_epi32(four_bytes<Avx512>(q + r * kGroup));
          whole[r] = _mm512_dpbusd_epi32(whole[r], w, x);
        }
      }
      const __m512 scale = source.scale(half);
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) {
        const __m512 unit = _mm512_mul_ps(scale, _mm512_set1_ps(args.x.d[at + r]));
        sums[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole[r]), unit, sums[r]);
      }
    }
    if (!Source::kMin) continue;
    const __m512 min = source.min();
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      sums[r] = _mm512_fnmadd_ps(min, _mm512_set1_ps(args.x.sums[at + r]), sums[r]);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
    _mm512_mask_storeu_ps(args.y + r * args.stride, columns, sums[r]);
  }
}

struct Avx512 {
  template <TensorType kType>
  using Source = PackedSource<kType>;
  template <TensorType kType>
  using Unpacked = engine::Unpacked<kType>;

  static constexpr int64_t kUnpackGroups = 32;
  static constexpr int64_t unpack_rows(TensorType type) {
    return packed_shape(type).bits == 8 ? 0 : 24;
  }

  template <TensorType kType>
  static void unpack(const PackedSource<kType>& source, int64_t first, int64_t end,
                     std::byte* to) {
    engine::unpack<kType>(source, first, end, to);
  }

  template <class Source>
  static void multiply(int64_t rows, const Source& source, const TileArgs& tile) {
    switch (rows) {
      case 12: return multiply_tile<12>(source, tile);
      case 8: return multiply_tile<8>(source, tile);
      case 4: return multiply_tile<4>(source, tile);
      case 3: return multiply_tile<3>(source, tile);
      case 2: return multiply_tile<2>(source, tile);
      default: return multiply_tile<1>(source, tile);
    }
  }
};

RoundedGroup round_group(const float* x, int8_t* q) {
  const __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16);
  const __m512i bits_a = _mm512_castps_si512(_mm512_abs_ps(a));
  const __m512i bits_b = _mm512_castps_si512(_mm512_abs_ps(b));
  const int32_t bits = _mm512_reduce_max_epi32(_mm512_max_epi32(bits_a, bits_b));
  const float largest = largest_of_bits<Avx512>(bits);
  const __m512 inverse = _mm512_set1_ps(largest >= kSmallestLargest ? 127 / largest : 0);
  const __mmask16 known = bits < kInfiniteBits ? 0xffff : 0;
  const __m512i whole_a = _mm512_maskz_cvtps_epi32(known, _mm512_mul_ps(a, inverse));
  const __m512i whole_b = _mm512_maskz_cvtps_epi32(known, _mm512_mul_ps(b, inverse));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(q), _mm512_cvtsepi32_epi8(whole_a));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(q + 16), _mm512_cvtsepi32_epi8(whole_b));
  return {largest / 127, {_mm512_reduce_add_epi32(whole_a), _mm512_reduce_add_epi32(whole_b)}};
}

}  // namespace

void packed_matmul_avx512(const PackedArgs& args, int64_t begin, int64_t end) {
  packed_matmul<Avx512>(args, begin, end);
}

void round_tiles_avx512(const RoundTilesArgs& args, int64_t begin, int64_t end) {
  round_tiles(args, begin, end, round_group);
}

}  // namespace corvid::engine

#endif
