#include "engine/backends/cpu/packed.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include <sys/mman.h>

#include "engine/backends/common/weight_groups.h"

namespace corvid::engine {
namespace {

constexpr int64_t kLine = 64, kHugePage = int64_t{1} << 21, kSlab = 8 * kHugePage;

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

uint16_t half_bits(const std::byte* from) {
  uint16_t bits;
  std::memcpy(&bits, from, sizeof bits);
  return bits;
}

void put_half(std::byte* to, int64_t index, uint16_t bits) {
  std::memcpy(to + 2 * index, &bits, sizeof bits);
}

uint32_t word_at(const std::byte* from, int64_t index) {
  uint32_t word;
  std::memcpy(&word, from + 4 * index, sizeof word);
  return word;
}

constexpr uint32_t kNibbles = 0x0f0f0f0f, kTwos = 0x03030303, kOnes = 0x01010101;

// The blocks of a type (layouts from ggml-org/ggml src/ggml-common.h): `quads` gives the 32 weights
// of a group as they are stored, four to a word; scale() and min() are whole numbers.
template <TensorType kType>
struct Block;

// 16 bytes whose lower halves are the first 16 weights.
void nibble_quads(const std::byte* from, uint32_t* quads) {
  for (int i = 0; i < 4; ++i) {
    quads[i] = word_at(from, i) & kNibbles;
    quads[4 + i] = word_at(from, i) >> 4 & kNibbles;
  }
}

// The fifth bit of weight j is bit j of `high`.
void add_fifth(const std::byte* high, uint32_t* quads) {
  const uint32_t bits = word_at(high, 0);
  for (int i = 0; i < 8; ++i) {
    quads[i] |= ((bits >> (4 * i) & 15) * 0x00204081 & kOnes) << 4;
  }
}

template <int kAt>
struct Nibbles {
  static void quads(const std::byte* block, int, uint32_t* out) { nibble_quads(block + kAt, out); }
};
template <>
struct Block<TensorType::q4_0> : Nibbles<2> {};
template <>
struct Block<TensorType::q4_1> : Nibbles<4> {};

// Signed bytes; the offset of 128 turns the sign.
template <>
struct Block<TensorType::q8_0> {
  static void quads(const std::byte* block, int, uint32_t* out) {
    for (int i = 0; i < 8; ++i) out[i] = word_at(block + 2, i) ^ 0x80808080;
  }
};

template <int kAt>
struct Fives {
  static void quads(const std::byte* block, int, uint32_t* out) {
    nibble_quads(block + kAt + 4, out);
    add_fifth(block + kAt, out);
  }
};
template <>
struct Block<TensorType::q5_0> : Fives<2> {};
template <>
struct Block<TensorType::q5_1> : Fives<4> {};

struct SixBits {
  static constexpr int kSuperAt = 0;
  static int scale(const std::byte* block, int s, int) { return k_scale(block, s); }
  static int min(const std::byte* block, int s) { return k_min(block, s); }
};
template <>
struct Block<TensorType::q4_k> : SixBits {
  static void quads(const std::byte* block, int s, uint32_t* out) {
    const std::byte* from = block + 16 + s / 2 * 32;
    for (int i = 0; i < 8; ++i) out[i] = word_at(from, i) >> (s % 2 * 4) & kNibbles;
  }
};
template <>
struct Block<TensorType::q5_k> : SixBits {
  static void quads(const std::byte* block, int s, uint32_t* out) {
    const std::byte* from = block + 48 + s / 2 * 32;
    for (int i = 0; i < 8; ++i) {
      out[i] = (word_at(from, i) >> (s % 2 * 4) & kNibbles) |
               (word_at(block + 16, i) >> s & kOnes) << 4;
    }
  }
};

template <>
struct Block<TensorType::q6_k> {
  static constexpr int kSuperAt = 208;
  static void quads(const std::byte* block, int s, uint32_t* out) {
    const int half = s / 4, part = s % 4;
    const std::byte *low = block + 64 * half + 32 * (part % 2), *high = block + 128 + 32 * half;
    for (int i = 0; i < 8; ++i) {
      out[i] = (word_at(low, i) >> (part / 2 * 4) & kNibbles) |
               (word_at(high, i) >> (2 * part) & kTwos) << 4;
    }
  }
  static int scale(const std::byte* block, int s, int half) {
    return std::to_integer<int>(block[192 + 2 * s + half]);
  }
  static int min(const std::byte*, int) { return 0; }
};

// To the place of one output, `lane`, in a group of a panel.
template <int kBits>
void put_quads(const uint32_t* q, std::byte* group, int64_t lane) {
  const auto put = [&](int64_t vector, uint32_t value) {
    std::memcpy(group + vector * kLine + lane * 4, &value, sizeof value);
  };
  if constexpr (kBits == 8) {
    for (int64_t quad = 0; quad < 8; ++quad) put(quad, q[quad]);
    return;
  }
  for (int64_t pair = 0; pair < 4; ++pair) {
    put(pair, (q[2 * pair] & kNibbles) | (q[2 * pair + 1] & kNibbles) << 4);
  }
  if constexpr (kBits == 4) return;
  // The upper two bits of four quads share a vector, where a shift brings each to bits 4 and 5.
  for (int64_t four = 0; four < 2; ++four, q += 4) {
    put(4 + four, (q[0] >> 4 & kTwos) << 4 | (q[1] >> 4 & kTwos) << 6 | (q[2] >> 4 & kTwos) |
                      (q[3] >> 4 & kTwos) << 2);
  }
}

template <TensorType kType>
void pack_row(const Matrix& w, PackedMatrix& packed, int64_t output) {
  constexpr PackedShape kShape = packed_shape(kType);
  const int64_t block_bytes = type_info(kType).block_bytes, groups = w.in / kGroup;
  constexpr int kGroups = kShape.is_super ? 8 : 1;  // of a block
  const int64_t lane = output % kPanel, first = output / kPanel * groups;
  const std::byte* block = w.data + output * w.row_bytes();
  for (int64_t index = first; index < first + groups; index += kGroups, block += block_bytes) {
    for (int g = 0; g < kGroups; ++g) {
      uint32_t quads[8];
      Block<kType>::quads(block, g, quads);
      put_quads<kShape.bits>(quads, packed.weights + (index + g) * kLine * kShape.bits, lane);
      if constexpr (kShape.is_super) {
        for (int half = 0; half < kShape.halves; ++half) {
          packed.scales[((index + g) * kShape.halves + half) * kPanel + lane] =
              static_cast<std::byte>(Block<kType>::scale(block, g, half));
        }
        if (kShape.has_min) {
          packed.mins[(index + g) * kPanel + lane] =
              static_cast<std::byte>(Block<kType>::min(block, g));
        }
      }
    }
    if constexpr (kShape.is_super) {
      const int64_t at = index / kSuper * kPanel + lane;
      put_half(packed.supers, at, half_bits(block + Block<kType>::kSuperAt));
      if (kShape.has_min) put_half(packed.super_mins, at, half_bits(block + 2));
    } else {
      put_half(packed.scales, index * kPanel + lane, half_bits(block));
      if (!kShape.has_min) continue;
      const uint16_t min = half_bits(block + 2) ^ 0x8000;  // files hold it with the other sign
      put_half(packed.mins, index * kPanel + lane, min);
    }
  }
}

using PackRow = void (*)(const Matrix& w, PackedMatrix& packed, int64_t output);

PackRow find_pack_row(TensorType type) {
  switch (type) {
    case TensorType::q4_0: return pack_row<TensorType::q4_0>;
    case TensorType::q4_1: return pack_row<TensorType::q4_1>;
    case TensorType::q4_k: return pack_row<TensorType::q4_k>;
    case TensorType::q5_0: return pack_row<TensorType::q5_0>;
    case TensorType::q5_1: return pack_row<TensorType::q5_1>;
    case TensorType::q5_k: return pack_row<TensorType::q5_k>;
    case TensorType::q6_k: return pack_row<TensorType::q6_k>;
    case TensorType::q8_0: return pack_row<TensorType::q8_0>;
    default: return nullptr;
  }
}

}  // namespace

std::byte* PackedMemory::take(int64_t bytes, std::shared_ptr<std::byte>& owner) {
  bytes = round_up(bytes, kLine);
  if (bytes > left_) {
    const int64_t size = round_up(std::max(bytes, kSlab), kHugePage);
    auto* const memory = static_cast<std::byte*>(
        std::aligned_alloc(static_cast<size_t>(kHugePage), static_cast<size_t>(size)));
    if (memory == nullptr) throw std::bad_alloc();
    // Huge pages spare most of the walks through page tables.
    (void)::madvise(memory, static_cast<size_t>(size), MADV_HUGEPAGE);
    slab_ = {memory, [](std::byte* block) { std::free(block); }};
    next_ = memory;
    left_ = size;
  }
  owner = slab_;
  left_ -= bytes;
  return std::exchange(next_, next_ + bytes);
}

bool can_pack(const Matrix& w) {
  return packed_shape(w.type).bits != 0 && w.out >= kPanel / 2;
}

std::shared_ptr<PackedMatrix> make_packed(const Matrix& w, PackedMemory& memory) {
  const PackedShape shape = packed_shape(w.type);
  auto packed = std::make_shared<PackedMatrix>();
  packed->type = w.type;
  packed->in = w.in;
  packed->out = w.out;
  packed->panels = (w.out + kPanel - 1) / kPanel;
  const int64_t groups = packed->panels * (w.in / kGroup), number = shape.is_super ? 1 : 2;
  int64_t size = 0;
  const auto take = [&size](int64_t bytes) {
    const int64_t at = size;
    size = round_up(size + bytes, kLine);
    return at;
  };
  const int64_t weights = take(groups * kLine * shape.bits);
  const int64_t scales = take(groups * shape.halves * kPanel * number);
  const int64_t mins = take(shape.has_min ? groups * kPanel * number : 0);
  const int64_t super_bytes = shape.is_super ? groups / kSuper * kPanel * 2 : 0;
  const int64_t supers = take(super_bytes);
  const int64_t super_mins = take(shape.has_min ? super_bytes : 0);
  std::byte* const bytes = memory.take(size, packed->memory);
  packed->weights = bytes + weights;
  packed->scales = bytes + scales;
  packed->mins = bytes + mins;
  packed->supers = bytes + supers;
  packed->super_mins = bytes + super_mins;
  return packed;
}

void pack_panels(const Matrix& w, PackedMatrix& packed, int64_t begin, int64_t end) {
  const PackRow pack = find_pack_row(w.type);
  for (int64_t o = begin * kPanel; o < std::min(end * kPanel, w.out); ++o) pack(w, packed, o);
}

void TiledBuffer::reserve(int64_t values) {
  const auto groups = static_cast<size_t>(values / kGroup);
  if (d_.size() >= groups) return;
  q_.resize(groups * kGroup);
  d_.resize(groups);
  sums_.resize(groups);
  start_.resize(2 * groups);
}

TiledRows TiledBuffer::at(int64_t index, int halves) {
  return {q_.data() + index * kGroup, d_.data() + index, sums_.data() + index,
          start_.data() + 2 * index, halves};
}

}  // namespace corvid::engine
