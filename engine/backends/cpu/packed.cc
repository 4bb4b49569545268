#include "engine/backends/cpu/packed.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>

#include <sys/mman.h>

#include "engine/backends/common/dequantize.h"
#include "engine/backends/common/weight_groups.h"

namespace corvid::engine {
namespace {

constexpr int64_t kLine = 64, kHugePage = int64_t{1} << 21;

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

uint16_t half_bits(const std::byte* from) {
  uint16_t bits;
  std::memcpy(&bits, from, sizeof bits);
  return bits;
}

void put_half(std::byte* to, int64_t index, uint16_t bits) {
  std::memcpy(to + 2 * index, &bits, sizeof bits);
}

// The whole number that `value` is of `unit`.
int8_t multiple_of(float value, float unit) {
  const float ratio = unit != 0 ? std::nearbyint(value / unit) : 0;
  return ratio >= -128 && ratio <= 127 ? static_cast<int8_t>(ratio) : int8_t{0};
}

// The place of one output's group in a panel.
struct Slot {
  std::byte* group;  // of the weights
  int64_t lane;
};

// Four weights of a group, as they are stored.
uint32_t quad_of(const WeightGroup& group, int64_t quad, int offset) {
  uint32_t value;
  std::memcpy(&value, group.w + 4 * quad, sizeof value);
  // Bytes are added each for itself: no sum is below 0 or above 255.
  const uint32_t add = static_cast<uint32_t>(offset) * 0x01010101u;
  return ((value & 0x7f7f7f7fu) + (add & 0x7f7f7f7fu)) ^ ((value ^ add) & 0x80808080u);
}

void put_weights(const PackedShape& shape, const WeightGroup& group, const Slot& slot) {
  const auto put = [&slot](int64_t vector, uint32_t value) {
    std::memcpy(slot.group + vector * kLine + slot.lane * 4, &value, sizeof value);
  };
  uint32_t quads[8];
  for (int64_t quad = 0; quad < 8; ++quad) quads[quad] = quad_of(group, quad, shape.offset);
  if (shape.bits == 8) {
    for (int64_t quad = 0; quad < 8; ++quad) put(quad, quads[quad]);
    return;
  }
  constexpr uint32_t kLow = 0x0f0f0f0f, kTwo = 0x03030303;
  for (int64_t pair = 0; pair < 4; ++pair) {
    put(pair, (quads[2 * pair] & kLow) | (quads[2 * pair + 1] & kLow) << 4);
  }
  if (shape.bits == 4) return;
  // The upper two bits of four quads share a vector, where a shift brings each to bits 4 and 5.
  for (int64_t four = 0; four < 2; ++four) {
    const uint32_t* q = quads + 4 * four;
    put(4 + four, (q[0] >> 4 & kTwo) << 4 | (q[1] >> 4 & kTwo) << 6 | (q[2] >> 4 & kTwo) |
                      (q[3] >> 4 & kTwo) << 2);
  }
}

struct Packer {
  const Matrix& w;
  PackedMatrix& packed;
  PackedShape shape = packed_shape(w.type);
  UnpackBlock unpack = find_unpack(w.type);
  int64_t block_bytes = type_info(w.type).block_bytes;
  int64_t block_groups = type_info(w.type).block_elements / kGroup;
  int64_t groups = w.in / kGroup;

  void row(int64_t output) const {
    const int64_t panel = output / kPanel, lane = output % kPanel;
    const std::byte* block = w.data + output * w.row_bytes();
    WeightGroup unpacked[kGroupsMax];
    for (int64_t g = 0; g < groups; g += block_groups, block += block_bytes) {
      unpack(block, unpacked);
      if (shape.is_super) put_super(block, panel * groups + g, lane);
      for (int64_t i = 0; i < block_groups; ++i) {
        const int64_t index = panel * groups + g + i;
        put_weights(shape, unpacked[i], {packed.weights + index * kLine * shape.bits, lane});
        if (shape.is_super) {
          put_numbers(block, unpacked[i], index, lane);
        } else {
          put_half(packed.scales, index * kPanel + lane, half_bits(block));
          if (!shape.has_min) continue;
          const uint16_t min = half_bits(block + 2) ^ 0x8000;  // files hold it with the other sign
          put_half(packed.mins, index * kPanel + lane, min);
        }
      }
    }
  }

  int64_t d_at() const { return w.type == TensorType::q6_k ? 208 : 0; }

  void put_super(const std::byte* block, int64_t index, int64_t lane) const {
    const int64_t at = index / kSuper * kPanel + lane;
    put_half(packed.supers, at, half_bits(block + d_at()));
    if (shape.has_min) put_half(packed.super_mins, at, half_bits(block + 2));
  }

  void put_numbers(const std::byte* block, const WeightGroup& group, int64_t index,
                   int64_t lane) const {
    const float d = half_to_float(half_bits(block + d_at()));
    for (int64_t half = 0; half < shape.halves; ++half) {
      packed.scales[(index * shape.halves + half) * kPanel + lane] =
          static_cast<std::byte>(multiple_of(group.scale[half], d));
    }
    if (!shape.has_min) return;
    packed.mins[index * kPanel + lane] =
        static_cast<std::byte>(multiple_of(group.min[0], half_to_float(half_bits(block + 2))));
  }
};

}  // namespace

bool can_pack(const Matrix& w) {
  return packed_shape(w.type).bits != 0 && w.out >= kPanel / 2;
}

std::shared_ptr<PackedMatrix> make_packed(const Matrix& w) {
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
  // Huge pages spare most of the walks through page tables.
  const bool huge = size >= 8 * kHugePage;
  const int64_t alignment = huge ? kHugePage : kLine;
  size = round_up(size, alignment);
  auto* bytes = static_cast<std::byte*>(
      std::aligned_alloc(static_cast<size_t>(alignment), static_cast<size_t>(size)));
  if (bytes == nullptr) throw std::bad_alloc();
  packed->memory = {bytes, [](std::byte* memory) { std::free(memory); }};
  if (huge) (void)::madvise(bytes, static_cast<size_t>(size), MADV_HUGEPAGE);
  packed->weights = bytes + weights;
  packed->scales = bytes + scales;
  packed->mins = bytes + mins;
  packed->supers = bytes + supers;
  packed->super_mins = bytes + super_mins;
  return packed;
}

void pack_panels(const Matrix& w, PackedMatrix& packed, int64_t begin, int64_t end) {
  const Packer packer{w, packed};
  const PackedShape& shape = packer.shape;
  const int64_t first = begin * packer.groups, count = (end - begin) * packer.groups;
  const auto clear = [&](std::byte* bytes, int64_t per_group) {
    std::fill_n(bytes + first * per_group, count * per_group, std::byte{0});
  };
  const int64_t number = shape.is_super ? 1 : 2;
  clear(packed.weights, kLine * shape.bits);
  clear(packed.scales, shape.halves * kPanel * number);
  if (shape.has_min) clear(packed.mins, kPanel * number);
  const auto clear_super = [&](std::byte* bytes) {
    std::fill_n(bytes + first / kSuper * kPanel * 2, count / kSuper * kPanel * 2, std::byte{0});
  };
  if (shape.is_super) clear_super(packed.supers);
  if (shape.is_super && shape.has_min) clear_super(packed.super_mins);
  for (int64_t o = begin * kPanel; o < std::min(end * kPanel, w.out); ++o) packer.row(o);
}

TiledRows TiledBuffer::reserve(int64_t rows, int64_t in) {
  const auto groups = static_cast<size_t>(rows * in / kGroup);
  if (q_.size() < groups * kGroup) {
    q_.resize(groups * kGroup);
    d_.resize(groups);
    sums_.resize(groups);
    start_.resize(2 * groups);
  }
  return {q_.data(), d_.data(), sums_.data(), start_.data()};
}

}  // namespace corvid::engine
