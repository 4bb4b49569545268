#pragma once
// Products with packed weights over a class Isa of one instruction set, which has
//   Source<kType>         the weights of a panel as they are packed,
//   Unpacked<kType>       the same from memory, kBytes for a group: bytes in order, scales, minima
//   unpack<kType>(source, first, end, to)   groups [first, end) of a source into such memory
//   multiply(rows, source, tile)            a tile of `rows` rows
//   kUnpackGroups         so many groups of a panel are unpacked at a time: they stay in the cache
//   unpack_rows(type)     from so many rows on weights are unpacked, below used as they are packed;
//                         0: always so
// Everything is a template on it, so that code for one instruction set never gets into another's
// object file.

#include "engine/backends/cpu/packed.h"
#include "runtime/base/check.h"

namespace corvid::engine {

inline constexpr int64_t kLine = 64;  // bytes: one quad, four values, of the 16 outputs of a panel

// A tile of rows, groups [first, end) of it, and where its sums are: they begin with y where groups
// lie before the first, else at 0.
struct TileArgs {
  TiledRows x;
  int64_t first, end;
  float* y;
  int64_t stride;
  int columns;  // outputs of the panel that are there
};

// What follows needs no instruction set, but is compiled for one.

// Where things of one panel are as they are packed: of group g, from output `output` of it on.
template <class Isa, TensorType kType>
class PanelPlaces {
 public:
  static constexpr PackedShape kShape = packed_shape(kType);
  static constexpr int kHalves = kShape.halves;
  static constexpr bool kMin = kShape.has_min;

  PanelPlaces(const PackedMatrix& w, int64_t panel) {
    groups_ = w.in / kGroup;
    const int64_t first = panel * groups_;
    weights_ = w.weights + first * kLine * kShape.bits;
    scales_ = w.scales + first * kHalves * kPanel * kNumber;
    mins_ = w.mins + first * kPanel * kNumber;
    supers_ = w.supers + first / kSuper * kPanel * 2;
    super_mins_ = w.super_mins + first / kSuper * kPanel * 2;
  }
  const std::byte* group_at(int64_t g) const { return weights_ + g * kLine * kShape.bits; }
  const std::byte* scale_at(int64_t g, int half, int output) const {
    return scales_ + ((g * kHalves + half) * kPanel + output) * kNumber;
  }
  const std::byte* min_at(int64_t g, int output) const {
    return mins_ + (g * kPanel + output) * kNumber;
  }
  const std::byte* super_at(int64_t g, int output) const {
    return supers_ + (g / kSuper * kPanel + output) * 2;
  }
  const std::byte* super_min_at(int64_t g, int output) const {
    return super_mins_ + (g / kSuper * kPanel + output) * 2;
  }
  // Asks for the same group of the next panel: processors by themselves look ahead within a page.
  void fetch_next(int64_t g) const {
    const int64_t next = groups_ + g;
    for (int line = 0; line < kShape.bits; ++line) {
      __builtin_prefetch(group_at(next) + line * kLine);
    }
    __builtin_prefetch(scale_at(next, 0, 0));
    if (kMin) __builtin_prefetch(min_at(next, 0));
    if (!kShape.is_super || g % kSuper != 0) return;
    __builtin_prefetch(super_at(next, 0));
    if (kMin) __builtin_prefetch(super_min_at(next, 0));
  }

 private:
  static constexpr int64_t kNumber = kShape.is_super ? 1 : 2;  // bytes of a scale
  int64_t groups_;
  const std::byte *weights_, *scales_, *mins_, *supers_, *super_mins_;
};

// Groups unpacked for many tiles, from `first` on: eight lines of weights, those of the scales, the
// minima.
template <class Isa, int kScales, bool kHasMin>
class UnpackedPlaces {
 public:
  static constexpr int kHalves = kScales;
  static constexpr bool kMin = kHasMin;
  static constexpr int kScalesLine = 8, kMinsLine = kScalesLine + kHalves;
  static constexpr int64_t kBytes = kLine * (kMinsLine + (kMin ? 1 : 0));  // of a group

  UnpackedPlaces(const std::byte* data, int64_t first) : data_(data - first * kBytes) {}
  void enter(int64_t g) { at_ = data_ + g * kBytes; }
  const std::byte* line_at(int line) const { return at_ + line * kLine; }

 private:
  const std::byte *data_, *at_ = nullptr;
};

template <class Isa>
inline int32_t four_bytes(const int8_t* from) {
  int32_t value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

inline constexpr int32_t kInfiniteBits = 0x7f800000;

// The largest of numbers without a sign, of which these are the bits: they are in the same order,
// infinity and NaN above all others, which give NaN.
template <class Isa>
inline float largest_of_bits(int32_t bits) {
  return bits < kInfiniteBits ? __builtin_bit_cast(float, bits) : __builtin_nanf("");
}

// multiply(rows, tile) takes each tile of the rows wanted, from the first, `tile`, on.
template <class Multiply>
void for_tiles(const PackedArgs& args, TileArgs tile, Multiply multiply) {
  for (int64_t row = args.begin; row < args.end;) {
    const int64_t rows = tile_rows(args.rows - row);
    multiply(rows, tile);
    row += rows;
    tile.y += rows * tile.stride;
    tile.x = tile.x.from(rows * (args.w.in / kGroup));
  }
}

template <class Isa, TensorType kType>
void multiply_panel(const PackedArgs& args, int64_t panel, const TileArgs& all) {
  constexpr int64_t kUnpackRows = Isa::unpack_rows(kType);
  const typename Isa::template Source<kType> packed(args.w, panel);
  if constexpr (kUnpackRows > 0) {
    if (args.end - args.begin >= kUnpackRows) {
      using Unpacked = typename Isa::template Unpacked<kType>;
      alignas(64) std::byte unpacked[Isa::kUnpackGroups * Unpacked::kBytes];
      TileArgs tile = all;
      for (; tile.first < all.end; tile.first = tile.end) {
        const int64_t end = tile.first + Isa::kUnpackGroups;
        tile.end = end < all.end ? end : all.end;
        Isa::template unpack<kType>(packed, tile.first, tile.end, unpacked);
        for_tiles(args, tile, [&](int64_t rows, const TileArgs& each) {
          Isa::multiply(rows, Unpacked(unpacked, each.first), each);
        });
      }
      return;
    }
  }
  for_tiles(args, all, [&](int64_t rows, const TileArgs& each) {
    Isa::multiply(rows, packed, each);
  });
}

template <class Isa, TensorType kType>
void packed_matmul_as(const PackedArgs& args, int64_t begin, int64_t end) {
  const PackedMatrix& w = args.w;
  const int64_t groups = w.in / kGroup;
  for (int64_t panel = begin; panel < end; ++panel) {
    const int64_t left = w.out - panel * kPanel;
    multiply_panel<Isa, kType>(
        args, panel,
        {.x = args.x.from(args.begin * groups), .first = 0, .end = groups,
         .y = args.y + args.begin * w.out + panel * kPanel, .stride = w.out,
         .columns = static_cast<int>(left < kPanel ? left : kPanel)});
  }
}

template <class Isa>
void packed_matmul(const PackedArgs& args, int64_t begin, int64_t end) {
  switch (args.w.type) {
    case TensorType::q4_0: return packed_matmul_as<Isa, TensorType::q4_0>(args, begin, end);
    case TensorType::q4_1: return packed_matmul_as<Isa, TensorType::q4_1>(args, begin, end);
    case TensorType::q4_k: return packed_matmul_as<Isa, TensorType::q4_k>(args, begin, end);
    case TensorType::q5_0: return packed_matmul_as<Isa, TensorType::q5_0>(args, begin, end);
    case TensorType::q5_1: return packed_matmul_as<Isa, TensorType::q5_1>(args, begin, end);
    case TensorType::q5_k: return packed_matmul_as<Isa, TensorType::q5_k>(args, begin, end);
    case TensorType::q6_k: return packed_matmul_as<Isa, TensorType::q6_k>(args, begin, end);
    case TensorType::q8_0: return packed_matmul_as<Isa, TensorType::q8_0>(args, begin, end);
    default: CHECK(false);
  }
}

// A group of one row, rounded: x = d * q, and what the q of each half add up to.
struct RoundedGroup {
  float d;
  int32_t sums[2];
};

// round_group(x, q) rounds one group.
template <class RoundGroup>
void round_tiles(const RoundTilesArgs& args, int64_t begin, int64_t end, RoundGroup round_group) {
  const int64_t groups = args.in / kGroup;
  for (int64_t first = 0; first < end;) {
    const int64_t rows = tile_rows(args.rows - first);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t row = first + r;
      if (row < begin || row >= end) continue;
      const float* x = args.x + (args.from == nullptr ? row : args.from[row]) * args.in;
      for (int64_t g = 0; g < groups; ++g) {
        const int64_t at = first * groups + g * rows + r;
        const RoundedGroup group = round_group(x + g * kGroup, args.out.q + at * kGroup);
        const int32_t sum = group.sums[0] + group.sums[1];
        args.out.d[at] = group.d;
        if (args.shape.halves == 2) {
          args.out.start[2 * at] = -args.shape.offset * group.sums[0];
          args.out.start[2 * at + 1] = -args.shape.offset * group.sums[1];
        } else if (args.shape.has_min) {
          args.out.sums[at] = group.d * static_cast<float>(sum);
        } else {
          args.out.start[at] = -args.shape.offset * sum;
        }
      }
    }
    first += rows;
  }
}

}  // namespace corvid::engine
