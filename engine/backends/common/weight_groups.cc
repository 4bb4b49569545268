#include "engine/backends/common/weight_groups.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/backends/common/dequantize.h"

namespace corvid::engine {
namespace {

constexpr int kHalf = 16;

constexpr int8_t kIq4[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                             1,    13,   25,  38,  53,  69,  89,  113};
// E2M1, twice its value so that it is whole.
constexpr int8_t kE2m1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

const uint8_t* bytes_of(const std::byte* block) { return reinterpret_cast<const uint8_t*>(block); }

float half_at(const std::byte* block, int64_t at) {
  uint16_t bits;
  std::memcpy(&bits, block + at, sizeof bits);
  return half_to_float(bits);
}

int8_t small(int value) { return static_cast<int8_t>(value); }

void set_scale(WeightGroup& group, float scale, float min = 0) {
  group.scale[0] = group.scale[1] = scale;
  group.min[0] = group.min[1] = min;
}

// 16 bytes of which low nibbles are the first half and high nibbles the second.
template <typename Value>
void nibbles(const uint8_t* q, WeightGroup& group, Value value) {
  for (int j = 0; j < kHalf; ++j) {
    group.w[j] = value(q[j] & 15, j);
    group.w[j + kHalf] = value(q[j] >> 4, j + kHalf);
  }
}

void unpack_q4_0(const std::byte* block, WeightGroup* group) {
  set_scale(*group, half_at(block, 0));
  nibbles(bytes_of(block) + 2, *group, [](int q, int) { return small(q - 8); });
}

void unpack_q4_1(const std::byte* block, WeightGroup* group) {
  set_scale(*group, half_at(block, 0), -half_at(block, 2));
  nibbles(bytes_of(block) + 4, *group, [](int q, int) { return small(q); });
}

// The fifth bit of value j is bit j of `high`.
void five_bits(const uint8_t* high, int offset, WeightGroup& group) {
  uint32_t bits;
  std::memcpy(&bits, high, sizeof bits);
  nibbles(high + 4, group, [&](int q, int j) {
    return small((q | static_cast<int>((bits >> j) & 1) << 4) - offset);
  });
}

void unpack_q5_0(const std::byte* block, WeightGroup* group) {
  set_scale(*group, half_at(block, 0));
  five_bits(bytes_of(block) + 2, 16, *group);
}

void unpack_q5_1(const std::byte* block, WeightGroup* group) {
  set_scale(*group, half_at(block, 0), -half_at(block, 2));
  five_bits(bytes_of(block) + 4, 0, *group);
}

void unpack_q8_0(const std::byte* block, WeightGroup* group) {
  set_scale(*group, half_at(block, 0));
  std::memcpy(group->w, block + 2, kGroup);
}

void unpack_iq4_nl(const std::byte* block, WeightGroup* group) {
  set_scale(*group, half_at(block, 0));
  nibbles(bytes_of(block) + 2, *group, [](int q, int) { return kIq4[q]; });
}

void unpack_mxfp4(const std::byte* block, WeightGroup* group) {
  const uint8_t* bytes = bytes_of(block);
  set_scale(*group, std::ldexp(1.0f, bytes[0] - 128));
  nibbles(bytes + 1, *group, [](int q, int) { return kE2m1[q]; });
}

// E4M3 without sign, halved for kE2m1.
float nvfp4_scale(uint8_t bits) {
  if (bits == 0 || bits == 0x7f) return 0;
  const int exponent = (bits >> 3) & 15, mantissa = bits & 7;
  if (exponent == 0) return std::ldexp(static_cast<float>(mantissa), -10);
  return std::ldexp(1 + static_cast<float>(mantissa) / 8, exponent - 8);
}

void unpack_nvfp4(const std::byte* block, WeightGroup* groups) {
  const uint8_t* bytes = bytes_of(block);
  for (int s = 0; s < 4; ++s) {
    WeightGroup& group = groups[s / 2];
    group.scale[s % 2] = nvfp4_scale(bytes[s]);
    group.min[s % 2] = 0;
    for (int j = 0; j < 8; ++j) {
      const uint8_t q = bytes[4 + 8 * s + j];
      group.w[kHalf * (s % 2) + j] = kE2m1[q & 15];
      group.w[kHalf * (s % 2) + 8 + j] = kE2m1[q >> 4];
    }
  }
}

void unpack_iq4_xs(const std::byte* block, WeightGroup* groups) {
  const uint8_t* bytes = bytes_of(block);
  const float d = half_at(block, 0);
  const int high = bytes[2] | bytes[3] << 8;
  for (int s = 0; s < 8; ++s) {
    const int low = (bytes[4 + s / 2] >> (s % 2 * 4)) & 15;
    const int scale = low | ((high >> (2 * s)) & 3) << 4;
    set_scale(groups[s], d * static_cast<float>(scale - 32));
    nibbles(bytes + 8 + 16 * s, groups[s], [](int q, int) { return kIq4[q]; });
  }
}

// Two bits of each of 32 bytes at `shift`, for the groups that a byte run of 32 holds.
void unpack_q2_k(const std::byte* block, WeightGroup* groups) {
  const uint8_t* bytes = bytes_of(block);
  const float d = half_at(block, 80), dmin = half_at(block, 82);
  for (int s = 0; s < 8; ++s) {
    WeightGroup& group = groups[s];
    const uint8_t* q = bytes + 16 + s / 4 * 32;
    for (int i = 0; i < 2; ++i) {
      const uint8_t scale = bytes[2 * s + i];
      group.scale[i] = d * static_cast<float>(scale & 15);
      group.min[i] = dmin * static_cast<float>(scale >> 4);
    }
    for (int j = 0; j < kGroup; ++j) group.w[j] = small((q[j] >> (s % 4 * 2)) & 3);
  }
}

void unpack_q3_k(const std::byte* block, WeightGroup* groups) {
  const uint8_t* bytes = bytes_of(block);
  const uint8_t* scales = bytes + 96;
  const float d = half_at(block, 108);
  for (int s = 0; s < 8; ++s) {
    WeightGroup& group = groups[s];
    const uint8_t* q = bytes + 32 + s / 4 * 32;
    for (int i = 0; i < 2; ++i) {
      const int at = 2 * s + i;
      const int low = at < 8 ? scales[at] & 15 : scales[at - 8] >> 4;
      const int scale = low | ((scales[8 + at % 4] >> (at / 4 * 2)) & 3) << 4;
      group.scale[i] = d * static_cast<float>(scale - 32);
      group.min[i] = 0;
    }
    for (int j = 0; j < kGroup; ++j) {
      const bool high = (bytes[j] >> s) & 1;
      group.w[j] = small(((q[j] >> (s % 4 * 2)) & 3) - (high ? 0 : 4));
    }
  }
}

// Of Q4_K and Q5_K.
void k_scales(const std::byte* block, WeightGroup* groups) {
  const float d = half_at(block, 0), dmin = half_at(block, 2);
  for (int s = 0; s < 8; ++s) {
    const int scale = k_scale(block, s), min = k_min(block, s);
    set_scale(groups[s], d * static_cast<float>(scale), dmin * static_cast<float>(min));
  }
}

void unpack_q4_k(const std::byte* block, WeightGroup* groups) {
  k_scales(block, groups);
  for (int s = 0; s < 8; ++s) {
    const uint8_t* q = bytes_of(block) + 16 + s / 2 * 32;
    for (int j = 0; j < kGroup; ++j) groups[s].w[j] = small((q[j] >> (s % 2 * 4)) & 15);
  }
}

void unpack_q5_k(const std::byte* block, WeightGroup* groups) {
  k_scales(block, groups);
  const uint8_t* high = bytes_of(block) + 16;
  for (int s = 0; s < 8; ++s) {
    const uint8_t* q = bytes_of(block) + 48 + s / 2 * 32;
    for (int j = 0; j < kGroup; ++j) {
      groups[s].w[j] = small(((q[j] >> (s % 2 * 4)) & 15) | ((high[j] >> s) & 1) << 4);
    }
  }
}

void unpack_q6_k(const std::byte* block, WeightGroup* groups) {
  const uint8_t* bytes = bytes_of(block);
  const float d = half_at(block, 208);
  for (int s = 0; s < 8; ++s) {
    const int half = s / 4, part = s % 4;
    const uint8_t* low = bytes + 64 * half + 32 * (part % 2);
    const uint8_t* high = bytes + 128 + 32 * half;
    const auto* scales = reinterpret_cast<const int8_t*>(bytes + 192 + 8 * half + 2 * part);
    for (int i = 0; i < 2; ++i) {
      groups[s].scale[i] = d * static_cast<float>(scales[i]);
      groups[s].min[i] = 0;
    }
    for (int j = 0; j < kGroup; ++j) {
      const int nibble = (low[j] >> (part / 2 * 4)) & 15;
      groups[s].w[j] = small((nibble | ((high[j] >> (2 * part)) & 3) << 4) - 32);
    }
  }
}

}  // namespace

UnpackBlock find_unpack(TensorType type) {
  switch (type) {
    case TensorType::q4_0: return unpack_q4_0;
    case TensorType::q4_1: return unpack_q4_1;
    case TensorType::q5_0: return unpack_q5_0;
    case TensorType::q5_1: return unpack_q5_1;
    case TensorType::q8_0: return unpack_q8_0;
    case TensorType::q2_k: return unpack_q2_k;
    case TensorType::q3_k: return unpack_q3_k;
    case TensorType::q4_k: return unpack_q4_k;
    case TensorType::q5_k: return unpack_q5_k;
    case TensorType::q6_k: return unpack_q6_k;
    case TensorType::iq4_nl: return unpack_iq4_nl;
    case TensorType::iq4_xs: return unpack_iq4_xs;
    case TensorType::mxfp4: return unpack_mxfp4;
    case TensorType::nvfp4: return unpack_nvfp4;
    default: return nullptr;
  }
}

namespace {

void round_groups(const float* x, int64_t count, int8_t* q, float* d, float* sums) {
  constexpr float kRound = 12582912;  // 1.5 * 2^23: adding it rounds to the nearest whole number
  for (int64_t group = 0; group < count / kGroup; ++group) {
    const float* from = x + group * kGroup;
    float largest = 0, unknown = 0;  // NaN where one of them is infinite or NaN
    for (int i = 0; i < kGroup; ++i) largest = std::max(largest, std::fabs(from[i]));
    for (int i = 0; i < kGroup; ++i) unknown += from[i] * 0;
    if (!(unknown == 0)) {
      std::fill_n(q + group * kGroup, kGroup, int8_t{0});
      d[group] = sums[2 * group] = sums[2 * group + 1] = unknown;
      continue;
    }
    const float inverse = largest >= kSmallestLargest ? 127 / largest : 0;
    d[group] = largest / 127;
    for (int half = 0; half < 2; ++half) {
      int sum = 0;
      for (int i = half * kHalf; i < (half + 1) * kHalf; ++i) {
        const float rounded = (from[i] * inverse + kRound) - kRound;
        q[group * kGroup + i] = static_cast<int8_t>(rounded);
        sum += static_cast<int8_t>(rounded);
      }
      sums[2 * group + half] = d[group] * static_cast<float>(sum);
    }
  }
}

}  // namespace

void RoundedBuffer::reserve(int64_t values) {
  q_.resize(static_cast<size_t>(values));
  d_.resize(static_cast<size_t>(values / kGroup));
  sums_.resize(static_cast<size_t>(values / kHalf));
}

void RoundedBuffer::round(const float* x, int64_t count, int64_t at) {
  round_groups(x, count, q_.data() + at, d_.data() + at / kGroup, sums_.data() + at / kHalf);
}

RoundedRows RoundedBuffer::at(int64_t at, int64_t in) const {
  return {in, q_.data() + at, d_.data() + at / kGroup, sums_.data() + at / kHalf};
}

}  // namespace corvid::engine
