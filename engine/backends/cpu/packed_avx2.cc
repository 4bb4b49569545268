#ifdef __AVX2__

#include <immintrin.h>

#include "engine/backends/common/weight_groups.h"
#include "engine/backends/cpu/packed_impl.h"

namespace corvid::engine {
namespace {

struct Avx2;

constexpr int kLanes = 8;                // outputs of a vector
constexpr int kParts = kPanel / kLanes;  // vectors of a panel

__m256i load32(const void* from) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}
__m256 load_halves(const void* from) {
  return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(from)));
}
__m256 load_numbers(const std::byte* from) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadu_si64(from)));
}

// Four steps of eight outputs, `quad` 0 to 7 of a group, as unsigned bytes; of eight bits four at a
// time, the lower ones in plane 0, the others in plane 1: products with all would not fit in 16.
template <int kBits>
inline __m256i weights_at(const std::byte* group, int quad, int part, int plane) {
  const __m256i low_bits = _mm256_set1_epi8(15);
  const bool is_high = kBits == 8 ? plane == 1 : quad % 2 == 1;
  const int line = kBits == 8 ? quad : quad / 2;
  const __m256i pair = load32(group + line * kLine + part * kLine / kParts);
  const __m256i low = _mm256_and_si256(is_high ? _mm256_srli_epi16(pair, 4) : pair, low_bits);
  if (kBits != 6) return low;
  const __m256i four = load32(group + (4 + quad / 4) * kLine + part * kLine / kParts);
  const __m256i high = quad % 4 == 0   ? four
                       : quad % 4 == 1 ? _mm256_srli_epi16(four, 2)
                       : quad % 4 == 2 ? _mm256_slli_epi16(four, 4)
                                       : _mm256_slli_epi16(four, 2);
  return _mm256_or_si256(low, _mm256_and_si256(high, _mm256_set1_epi8(48)));
}

// How many quads of products with 8-bit activations add up in 16 bits: four weights are below
// 2^kBits, each pair of products is added at once.
constexpr int run_quads(int largest) { return 32767 / (2 * 127 * largest); }

// The weights of one panel as they are packed, group after group.
template <TensorType kType>
class PackedSource : public PanelPlaces<Avx2, kType> {
 public:
  using Places = PanelPlaces<Avx2, kType>;
  using Places::kHalves, Places::kMin, Places::kShape;
  static constexpr int kPlanes = kShape.bits == 8 ? 2 : 1;
  static constexpr int kRun = kShape.bits != 6 ? run_quads(15)
                              : kHalves == 1   ? run_quads(31)   // of five bits
                                               : run_quads(63);
  using Places::Places;

  void enter(int64_t g) {
    group_ = g;
    if (!kShape.is_super || g % kSuper != 0) return;
    for (int part = 0; part < kParts; ++part) {
      d_[part] = load_halves(Places::super_at(g, part * kLanes));
      if (kMin) d_min_[part] = load_halves(Places::super_min_at(g, part * kLanes));
    }
  }
  __m256i weights(int quad, int part, int plane) const {
    return weights_at<kShape.bits>(Places::group_at(group_), quad, part, plane);
  }
  __m256 scale(int half, int part) const {
    return number(Places::scale_at(group_, half, part * kLanes), d_[part]);
  }
  __m256 min(int part) const {
    return number(Places::min_at(group_, part * kLanes), d_min_[part]);
  }

 private:
  static __m256 number(const std::byte* from, __m256 d) {
    return kShape.is_super ? _mm256_mul_ps(d, load_numbers(from)) : load_halves(from);
  }

  int64_t group_ = 0;
  __m256 d_[kParts], d_min_[kParts];
};

template <TensorType kType>
using PlacesUnpacked =
    UnpackedPlaces<Avx2, packed_shape(kType).halves, packed_shape(kType).has_min>;

// The same unpacked.
template <TensorType kType>
class UnpackedSource : public PlacesUnpacked<kType> {
 public:
  using Places = PlacesUnpacked<kType>;
  static constexpr int kPlanes = 1, kRun = PackedSource<kType>::kRun;
  using Places::Places;

  void fetch_next(int64_t) const {}
  __m256i weights(int quad, int part, int) const {
    return load32(Places::line_at(quad) + part * 32);
  }
  __m256 scale(int half, int part) const { return numbers(Places::kScalesLine + half, part); }
  __m256 min(int part) const { return numbers(Places::kMinsLine, part); }

 private:
  __m256 numbers(int line, int part) const {
    return _mm256_castsi256_ps(load32(Places::line_at(line) + part * 32));
  }
};

template <TensorType kType>
void unpack_groups(PackedSource<kType> source, int64_t first, int64_t end, std::byte* to) {
  for (int64_t g = first; g < end; ++g, to += UnpackedSource<kType>::kBytes) {
    source.enter(g);
    for (int part = 0; part < kParts; ++part) {
      std::byte* at = to + part * 32;
#pragma GCC unroll 8
      for (int quad = 0; quad < 8; ++quad, at += kLine) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), source.weights(quad, part, 0));
      }
      for (int half = 0; half < source.kHalves; ++half, at += kLine) {
        _mm256_storeu_ps(reinterpret_cast<float*>(at), source.scale(half, part));
      }
      if (source.kMin) _mm256_storeu_ps(reinterpret_cast<float*>(at), source.min(part));
    }
  }
}

__m256i columns_mask(int columns, int part) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(columns - part * kLanes), lane);
}

// Sums of kRows rows in a tile, in memory and out of it.
template <int kRows>
struct Sums {
  __m256 at[kRows][kParts];

  Sums(const TileArgs& args, const float* y) {
    for (int part = 0; part < kParts; ++part) {
      const __m256i mask = columns_mask(args.columns, part);
      for (int r = 0; r < kRows; ++r) {
        const float* from = y + r * args.stride + part * kLanes;
        at[r][part] = args.first == 0 ? _mm256_setzero_ps() : _mm256_maskload_ps(from, mask);
      }
    }
  }
  void store(const TileArgs& args, float* y) const {
    for (int part = 0; part < kParts; ++part) {
      const __m256i mask = columns_mask(args.columns, part);
      for (int r = 0; r < kRows; ++r) {
        _mm256_maskstore_ps(y + r * args.stride + part * kLanes, mask, at[r][part]);
      }
    }
  }
};

// Compilers would put off additions, and need more registers than there are.
inline void add_now(__m256i& sum) { __asm__("" : "+x"(sum)); }

// They would also keep the activations of a plane for the next, with as little room for them.
inline void forget_loads() { __asm__("" ::: "memory"); }

// Rows [row, row + kRows) of a tile that has `rows`. Not inlined: its loop needs all registers.
template <int kRows, class Source>
[[gnu::noinline]] void multiply_rows(Source source, const TileArgs& args, int64_t rows,
                                     int64_t row) {
  constexpr int kHalves = Source::kHalves, kQuads = 8 / kHalves;
  float* const y = args.y + row * args.stride;
  Sums<kRows> sums(args, y);
  for (int64_t g = args.first; g < args.end; ++g) {
    source.enter(g);
    if (kRows == 1) source.fetch_next(g);  // more rows wait for products, not for memory
    const int64_t at = g * rows + row;
#pragma GCC unroll 2
    for (int half = 0; half < kHalves; ++half) {
      __m256i whole[kRows][kParts];
      for (int r = 0; r < kRows; ++r) {
        // Where weights have a minimum they have no offset.
        const __m256i start =
            Source::kMin ? _mm256_setzero_si256()
                         : _mm256_set1_epi32(args.x.start[(at + r) * kHalves + half]);
        for (int part = 0; part < kParts; ++part) whole[r][part] = start;
      }
#pragma GCC unroll 2
      for (int plane = 0; plane < Source::kPlanes; ++plane) {
        const __m256i unit = _mm256_set1_epi16(plane == 0 ? 1 : 16);
        if (plane > 0) forget_loads();
        __m256i run[kRows][kParts];
#pragma GCC unroll 8
        for (int quad = half * kQuads; quad < (half + 1) * kQuads; ++quad) {
          const bool begins = quad % Source::kRun == 0, ends = (quad + 1) % Source::kRun == 0;
          const int8_t* q = args.x.q + at * kGroup + quad * 4;
          __m256i w[kParts];
          for (int part = 0; part < kParts; ++part) w[part] = source.weights(quad, part, plane);
#pragma GCC unroll 6
          for (int r = 0; r < kRows; ++r) {
            const __m256i x = _mm256_set1_epi32(four_bytes<Avx2>(q + r * kGroup));
            for (int part = 0; part < kParts; ++part) {
              const __m256i pairs = _mm256_maddubs_epi16(w[part], x);
              __m256i& sum = run[r][part];
              sum = begins ? pairs : _mm256_add_epi16(sum, pairs);
              if (ends) {
                __m256i& all = whole[r][part];
                all = _mm256_add_epi32(all, _mm256_madd_epi16(sum, unit));
                add_now(all);
              } else {
                add_now(sum);
              }
            }
          }
        }
      }
      for (int part = 0; part < kParts; ++part) {
        const __m256 scale = source.scale(half, part);
        for (int r = 0; r < kRows; ++r) {
          const __m256 unit = _mm256_mul_ps(scale, _mm256_set1_ps(args.x.d[at + r]));
          sums.at[r][part] =
              _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole[r][part]), unit, sums.at[r][part]);
        }
      }
    }
    for (int part = 0; Source::kMin && part < kParts; ++part) {
      const __m256 min = source.min(part);
      for (int r = 0; r < kRows; ++r) {
        sums.at[r][part] =
            _mm256_fnmadd_ps(min, _mm256_set1_ps(args.x.sums[at + r]), sums.at[r][part]);
      }
    }
  }
  sums.store(args, y);
}

struct Avx2 {
  template <TensorType kType>
  using Source = PackedSource<kType>;
  template <TensorType kType>
  using Unpacked = UnpackedSource<kType>;

  static constexpr int64_t kUnpackGroups = 16;
  static constexpr int64_t unpack_rows(TensorType type) {
    return packed_shape(type).bits == 6 ? 24 : 0;  // the others are unpacked as fast as loaded
  }

  template <TensorType kType>
  static void unpack(const PackedSource<kType>& source, int64_t first, int64_t end,
                     std::byte* to) {
    unpack_groups(source, first, end, to);
  }

  template <class Source>
  static void multiply(int64_t rows, const Source& source, const TileArgs& tile) {
    int64_t row = 0;
    for (; rows == kTileRows && row < rows; row += 6) multiply_rows<6>(source, tile, rows, row);
    for (; row + 4 <= rows; row += 4) multiply_rows<4>(source, tile, rows, row);
    for (; row < rows; ++row) multiply_rows<1>(source, tile, rows, row);
  }
};

__m256i abs_bits(__m256 x) {
  return _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(0x7fffffff));
}

RoundedGroup round_group(const float* x, int8_t* q) {
  __m256 parts[4];
  for (int i = 0; i < 4; ++i) parts[i] = _mm256_loadu_ps(x + 8 * i);
  const __m256i most =
      _mm256_max_epi32(_mm256_max_epi32(abs_bits(parts[0]), abs_bits(parts[1])),
                       _mm256_max_epi32(abs_bits(parts[2]), abs_bits(parts[3])));
  __m128i four = _mm_max_epi32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
  four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0xb1));
  const int32_t bits = _mm_cvtsi128_si32(four);
  const float largest = largest_of_bits<Avx2>(bits);
  const __m256 inverse = _mm256_set1_ps(largest >= kSmallestLargest ? 127 / largest : 0);
  const __m256i known = _mm256_set1_epi32(bits < kInfiniteBits ? -1 : 0);
  __m256i whole[4];
  for (int i = 0; i < 4; ++i) {
    whole[i] = _mm256_and_si256(_mm256_cvtps_epi32(_mm256_mul_ps(parts[i], inverse)), known);
  }
  const __m256i bytes = _mm256_permutevar8x32_epi32(
      _mm256_packs_epi16(_mm256_packs_epi32(whole[0], whole[1]),
                         _mm256_packs_epi32(whole[2], whole[3])),
      _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(q), bytes);
  const __m256i ones = _mm256_set1_epi16(1);
  const __m256i fours = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), bytes), ones);
  alignas(32) int32_t sums[8];  // of four each
  _mm256_store_si256(reinterpret_cast<__m256i*>(sums), fours);
  return {largest / 127,
          {sums[0] + sums[1] + sums[2] + sums[3], sums[4] + sums[5] + sums[6] + sums[7]}};
}

}  // namespace

void packed_matmul_avx2(const PackedArgs& args, int64_t begin, int64_t end) {
  packed_matmul<Avx2>(args, begin, end);
}

void round_tiles_avx2(const RoundTilesArgs& args, int64_t begin, int64_t end) {
  round_tiles(args, begin, end, round_group);
}

}  // namespace corvid::engine

#endif
