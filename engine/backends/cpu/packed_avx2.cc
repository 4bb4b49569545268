#ifdef __AVX2__

#include <type_traits>

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

// Four steps of eight outputs, `quad` 0 to 7 of a group, as unsigned bytes.
template <int kBits>
inline __m256i weights_at(const std::byte* group, int quad, int part) {
  const __m256i low_bits = _mm256_set1_epi8(15);
  const __m256i pair = load32(group + quad / 2 * kLine + part * kLine / kParts);
  const __m256i low =
      _mm256_and_si256(quad % 2 == 0 ? pair : _mm256_srli_epi16(pair, 4), low_bits);
  if (kBits == 4) return low;
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
  static constexpr bool kSigned = false;
  static constexpr int kRun = kShape.bits == 4 ? run_quads(15)
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
  __m256i weights(int quad, int part) const {
    return weights_at<kShape.bits>(Places::group_at(group_), quad, part);
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

// to[r] = lane r of the eight vectors.
void transpose(const __m256i* from, __m256i* to) {
  __m256i pairs[8], fours[8];
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm256_unpacklo_epi32(from[i], from[i + 1]);
    pairs[i + 1] = _mm256_unpackhi_epi32(from[i], from[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    for (int j = 0; j < 2; ++j) {
      fours[i + 2 * j] = _mm256_unpacklo_epi64(pairs[i + j], pairs[i + 2 + j]);
      fours[i + 2 * j + 1] = _mm256_unpackhi_epi64(pairs[i + j], pairs[i + 2 + j]);
    }
  }
  for (int i = 0; i < 4; ++i) {
    to[i] = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x20);
    to[i + 4] = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x31);
  }
}

const std::byte* block_at(const Q8Panel& panel, int64_t output, int64_t group) {
  return panel.rows + (output < panel.last ? output : panel.last) * panel.row_bytes +
         group * kQ8Block;
}

template <>
class PackedSource<TensorType::q8_0> {
 public:
  PackedSource(const PackedMatrix& w, int64_t panel) : panel_(q8_panel<Avx2>(w, panel)) {}
  const Q8Panel& panel() const { return panel_; }

 private:
  Q8Panel panel_;
};

template <TensorType kType>
using PlacesUnpacked =
    UnpackedPlaces<Avx2, packed_shape(kType).halves, packed_shape(kType).has_min>;

// The same unpacked.
template <TensorType kType>
class UnpackedSource : public PlacesUnpacked<kType> {
 public:
  using Places = PlacesUnpacked<kType>;
  static constexpr bool kSigned = packed_shape(kType).bits == 8;
  static constexpr int kRun = [] {
    if constexpr (kSigned) return 1;
    else return PackedSource<kType>::kRun;
  }();
  using Places::Places;

  __m256i weights(int quad, int part) const { return load32(Places::line_at(quad) + part * 32); }
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
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), source.weights(quad, part));
      }
      for (int half = 0; half < source.kHalves; ++half, at += kLine) {
        _mm256_storeu_ps(reinterpret_cast<float*>(at), source.scale(half, part));
      }
      if (source.kMin) _mm256_storeu_ps(reinterpret_cast<float*>(at), source.min(part));
    }
  }
}

void unpack_groups(const PackedSource<TensorType::q8_0>& source, int64_t first, int64_t end,
                   std::byte* to) {
  for (int64_t g = first; g < end; ++g, to += UnpackedSource<TensorType::q8_0>::kBytes) {
    alignas(32) uint16_t heads[kPanel];
    for (int part = 0; part < kParts; ++part) {
      __m256i rows[kLanes], quads[8];
      for (int o = 0; o < kLanes; ++o) {
        const std::byte* block = block_at(source.panel(), part * kLanes + o, g);
        __builtin_memcpy(&heads[part * kLanes + o], block, sizeof heads[0]);
        rows[o] = load32(block + 2);
      }
      transpose(rows, quads);
      std::byte* at = to + part * 32;
      for (int quad = 0; quad < 8; ++quad, at += kLine) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), quads[quad]);
      }
      _mm256_storeu_ps(reinterpret_cast<float*>(at), load_halves(heads + part * kLanes));
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

// Rows [row, row + kRows) of a tile that has `rows`. Not inlined: its loop needs all registers.
template <int kRows, class Source>
[[gnu::noinline]] void multiply_rows(Source source, const TileArgs& args, int64_t rows,
                                     int64_t row) {
  constexpr int kHalves = Source::kHalves, kQuads = 8 / kHalves;
  const __m256i ones = _mm256_set1_epi16(1);
  float* const y = args.y + row * args.stride;
  Sums<kRows> sums(args, y);
  for (int64_t g = args.first; g < args.end; ++g) {
    source.enter(g);
    const int64_t at = g * rows + row;
#pragma GCC unroll 2
    for (int half = 0; half < kHalves; ++half) {
      __m256i whole[kRows][kParts];
      for (int r = 0; r < kRows; ++r) {
        // Where weights have a minimum they have no offset, and none where they have a sign.
        const bool has_offset = !Source::kMin && !Source::kSigned;
        const __m256i start =
            has_offset ? _mm256_set1_epi32(args.x.start[(at + r) * kHalves + half])
                       : _mm256_setzero_si256();
        for (int part = 0; part < kParts; ++part) whole[r][part] = start;
      }
      __m256i run[kRows][kParts];
#pragma GCC unroll 8
      for (int quad = half * kQuads; quad < (half + 1) * kQuads; ++quad) {
        const bool begins = quad % Source::kRun == 0, ends = (quad + 1) % Source::kRun == 0;
        const int8_t* q = args.x.q + at * kGroup + quad * 4;
        __m256i w[kParts], size[kParts];
        for (int part = 0; part < kParts; ++part) {
          w[part] = source.weights(quad, part);
          size[part] = Source::kSigned ? _mm256_abs_epi8(w[part]) : w[part];
        }
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) {
          const __m256i x = _mm256_set1_epi32(four_bytes<Avx2>(q + r * kGroup));
          for (int part = 0; part < kParts; ++part) {
            const __m256i pairs = _mm256_maddubs_epi16(
                size[part], Source::kSigned ? _mm256_sign_epi8(x, w[part]) : x);
            __m256i& sum = run[r][part];
            sum = begins ? pairs : _mm256_add_epi16(sum, pairs);
            if (ends) {
              __m256i& all = whole[r][part];
              all = _mm256_add_epi32(all, _mm256_madd_epi16(sum, ones));
              add_now(all);
            } else {
              add_now(sum);
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

// The dot products of eight pairs of blocks.
__m256i eight_dots(const __m256i* products) {
  const __m256i a = _mm256_hadd_epi32(_mm256_hadd_epi32(products[0], products[1]),
                                      _mm256_hadd_epi32(products[2], products[3]));
  const __m256i b = _mm256_hadd_epi32(_mm256_hadd_epi32(products[4], products[5]),
                                      _mm256_hadd_epi32(products[6], products[7]));
  return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20),
                          _mm256_permute2x128_si256(a, b, 0x31));
}

struct Avx2 {
  template <TensorType kType>
  using Source = PackedSource<kType>;
  template <TensorType kType>
  using Unpacked = UnpackedSource<kType>;

  static constexpr int64_t kUnpackGroups = 16;
  static constexpr int64_t unpack_rows(TensorType type) {
    return type == TensorType::q8_0 ? 4 : 24;
  }

  template <TensorType kType>
  static void unpack(const PackedSource<kType>& source, int64_t first, int64_t end,
                     std::byte* to) {
    unpack_groups(source, first, end, to);
  }

  template <class Source>
  static void multiply(int64_t rows, const Source& source, const TileArgs& tile) {
    int64_t row = 0;
    if constexpr (std::is_same_v<Source, PackedSource<TensorType::q8_0>>) {
      for (; row < rows; ++row) multiply_q8_row_avx2(source.panel(), tile, rows, row);
    } else {
      for (; row + 4 <= rows; row += 4) multiply_rows<4>(source, tile, rows, row);
      for (; row < rows; ++row) multiply_rows<1>(source, tile, rows, row);
    }
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

void multiply_q8_row_avx2(const Q8Panel& panel, const TileArgs& args, int64_t rows, int64_t row) {
  constexpr int64_t kStretch = 128, kAhead = 3072;  // groups, bytes
  const __m256i ones = _mm256_set1_epi16(1);
  float* const y = args.y + row * args.stride;
  Sums<1> sums(args, y);
  alignas(32) int32_t dots[kPanel][kStretch];
  alignas(32) uint16_t heads[kPanel][kStretch];
  for (int64_t first = args.first; first < args.end; first += kStretch) {
    const int64_t count = args.end - first < kStretch ? args.end - first : kStretch;
    for (int64_t o = 0; o < kPanel; ++o) {
      const std::byte* block = block_at(panel, o, first);
      const int8_t* q = args.x.q + (first * rows + row) * kGroup;
      for (int64_t g = 0; g < count; g += 8) {
        __m256i products[8];
#pragma GCC unroll 8
        for (int64_t i = 0; i < 8; ++i) {
          products[i] = _mm256_setzero_si256();
          if (g + i >= count) continue;
          const __m256i w = load32(block + 2), x = load32(q);
          products[i] = _mm256_madd_epi16(
              _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w)), ones);
          __builtin_memcpy(&heads[o][g + i], block, sizeof heads[0][0]);
          _mm_prefetch(reinterpret_cast<const char*>(block + kAhead), _MM_HINT_T0);
          block += kQ8Block;
          q += rows * kGroup;
        }
        _mm256_store_si256(reinterpret_cast<__m256i*>(&dots[o][g]), eight_dots(products));
      }
    }
    for (int64_t g = 0; g < count; g += 8) {
      for (int part = 0; part < kParts; ++part) {
        __m256i lines[8], whole[8], scales[8];
        for (int o = 0; o < kLanes; ++o) lines[o] = load32(&dots[part * kLanes + o][g]);
        transpose(lines, whole);
        for (int o = 0; o < kLanes; ++o) {
          const auto* from = reinterpret_cast<const __m128i*>(&heads[part * kLanes + o][g]);
          lines[o] = _mm256_cvtepu16_epi32(_mm_load_si128(from));
        }
        transpose(lines, scales);
        __m256& sum = sums.at[0][part];
        for (int64_t i = 0; i < 8 && g + i < count; ++i) {
          const __m128i bits = _mm_packus_epi32(_mm256_castsi256_si128(scales[i]),
                                                _mm256_extracti128_si256(scales[i], 1));
          const float d = args.x.d[(first + g + i) * rows + row];
          const __m256 unit = _mm256_mul_ps(_mm256_cvtph_ps(bits), _mm256_set1_ps(d));
          sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole[i]), unit, sum);
        }
      }
    }
  }
  sums.store(args, y);
}

void packed_matmul_avx2(const PackedArgs& args, int64_t begin, int64_t end) {
  packed_matmul<Avx2>(args, begin, end);
}

void round_tiles_avx2(const RoundTilesArgs& args, int64_t begin, int64_t end) {
  round_tiles(args, begin, end, round_group);
}

}  // namespace corvid::engine

#endif
