#include "engine/backends/common/dequantize.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "engine/backends/common/weight_groups.h"
#include "runtime/base/check.h"

namespace corvid::engine {
namespace {

constexpr int kBlock = 32;  // of Q8_0

template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

void quantize_q8_block(const float* x, std::byte* out) {
  float largest = 0;
  for (int i = 0; i < kBlock; ++i) largest = std::fmax(largest, std::fabs(x[i]));
  const uint16_t scale_bits = float_to_half(largest / 127);
  const float scale = half_to_float(scale_bits);
  std::memcpy(out, &scale_bits, 2);
  for (int i = 0; i < kBlock; ++i) {
    const float q = scale > 0 ? std::nearbyint(x[i] / scale) : 0;
    out[2 + i] = static_cast<std::byte>(static_cast<int8_t>(std::fmax(-127, std::fmin(127, q))));
  }
}

uint16_t float_to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

void dequantize_blocks(TensorType type, const std::byte* row, int64_t count, float* out) {
  const UnpackBlock unpack = find_unpack(type);
  CHECK(unpack != nullptr);
  const TypeInfo& info = type_info(type);
  WeightGroup groups[kGroupsMax];
  for (int64_t done = 0; done < count; row += info.block_bytes) {
    unpack(row, groups);
    for (int64_t g = 0; g < info.block_elements / kGroup; ++g) {
      for (int64_t i = 0; i < kGroup; ++i) {
        out[done + i] = groups[g].scale[i / 16] * static_cast<float>(groups[g].w[i]) -
                        groups[g].min[i / 16];
      }
      done += kGroup;
    }
  }
}

}  // namespace

float half_to_float(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = (bits >> 10) & 31, mantissa = bits & 1023;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent == 0) {
    const float value = std::ldexp(static_cast<float>(mantissa), -24);
    return sign != 0 ? -value : value;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

uint16_t float_to_half(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
  const float magnitude = std::fabs(value);
  if (!(magnitude < 65520)) return sign | (std::isnan(value) ? 0x7e00 : 0x7c00);
  if (magnitude < 6.103515625e-05f) {  // denormal
    return sign | static_cast<uint16_t>(std::nearbyint(std::ldexp(magnitude, 24)));
  }
  const uint32_t rounded = (bits & 0x7fffffff) + 0xfff + ((bits >> 13) & 1);
  return sign | static_cast<uint16_t>((rounded >> 13) - (112u << 10));
}

void dequantize_row(TensorType type, const std::byte* row, int64_t count, float* out) {
  switch (type) {
    case TensorType::f32:
      std::memcpy(out, row, static_cast<size_t>(count) * sizeof(float));
      return;
    case TensorType::f16:
      for (int64_t i = 0; i < count; ++i) out[i] = half_to_float(load<uint16_t>(row + 2 * i));
      return;
    case TensorType::bf16:
      for (int64_t i = 0; i < count; ++i) {
        out[i] = std::bit_cast<float>(static_cast<uint32_t>(load<uint16_t>(row + 2 * i)) << 16);
      }
      return;
    default: return dequantize_blocks(type, row, count, out);
  }
}

void quantize_row(TensorType type, const float* row, int64_t count, std::byte* out) {
  switch (type) {
    case TensorType::f32:
      std::memcpy(out, row, static_cast<size_t>(count) * sizeof(float));
      return;
    case TensorType::f16:
    case TensorType::bf16:
      for (int64_t i = 0; i < count; ++i) {
        const uint16_t bits =
            type == TensorType::f16 ? float_to_half(row[i]) : float_to_bf16(row[i]);
        std::memcpy(out + 2 * i, &bits, 2);
      }
      return;
    case TensorType::q8_0:
      for (int64_t i = 0; i < count; i += kBlock) quantize_q8_block(row + i, out + i / kBlock * 34);
      return;
    default: CHECK(false);
  }
}

}  // namespace corvid::engine
