#pragma once
// Four lanes of float in plain C++ (compiler vectors): the "scalar" level, for any CPU. The kernels
// in kernels_impl.h are templates over a class with these members.

#include <cmath>
#include <cstdint>
#include <cstring>

namespace corvid::engine {

struct VecPortable {
  static constexpr int64_t kLanes = 4;
  typedef float Raw __attribute__((vector_size(16)));
  typedef int32_t Mask __attribute__((vector_size(16)));
  Raw raw;

  static VecPortable zero() { return {Raw{0, 0, 0, 0}}; }
  static VecPortable all(float x) { return {Raw{x, x, x, x}}; }
  static VecPortable load(const void* from) {
    VecPortable v;
    std::memcpy(&v.raw, from, sizeof v.raw);
    return v;
  }
  // The first `count` lanes, 0 < count < kLanes; the others are 0.
  static VecPortable load_part(const void* from, int64_t count) {
    VecPortable v = zero();
    std::memcpy(&v.raw, from, static_cast<size_t>(count) * sizeof(float));
    return v;
  }
  void store(float* to) const { std::memcpy(to, &raw, sizeof raw); }
  void store_part(float* to, int64_t count) const {
    std::memcpy(to, &raw, static_cast<size_t>(count) * sizeof(float));
  }

  friend VecPortable operator+(VecPortable a, VecPortable b) { return {a.raw + b.raw}; }
  friend VecPortable operator-(VecPortable a, VecPortable b) { return {a.raw - b.raw}; }
  friend VecPortable operator*(VecPortable a, VecPortable b) { return {a.raw * b.raw}; }
  friend VecPortable operator/(VecPortable a, VecPortable b) { return {a.raw / b.raw}; }
  static VecPortable fma(VecPortable a, VecPortable b, VecPortable c) {
    return {a.raw * b.raw + c.raw};
  }
  // The second argument where one is NaN.
  static VecPortable max(VecPortable a, VecPortable b) { return {a.raw > b.raw ? a.raw : b.raw}; }
  static VecPortable min(VecPortable a, VecPortable b) { return {a.raw < b.raw ? a.raw : b.raw}; }

  // Nearest integer for |x| < 2^22.
  static VecPortable round(VecPortable a) {
    const Raw magic = Raw{12582912, 12582912, 12582912, 12582912};  // 1.5 * 2^23
    return {(a.raw + magic) - magic};
  }
  // 2^n for whole n in [-126, 127].
  static VecPortable power_of_two(VecPortable n) {
    const Mask bits = (__builtin_convertvector(n.raw, Mask) + 127) << 23;
    VecPortable v;
    std::memcpy(&v.raw, &bits, sizeof bits);
    return v;
  }

  // {sum a, sum b, sum c, sum d}; the order of additions depends on the lane alone.
  static void sum4(const VecPortable* v, float* out) {
    for (int i = 0; i < 4; ++i) out[i] = v[i].sum();
  }
  float sum() const { return (raw[0] + raw[1]) + (raw[2] + raw[3]); }

  static VecPortable from_f16(const std::byte* from);
  static VecPortable from_bf16(const std::byte* from) {
    uint16_t bits[4];
    std::memcpy(bits, from, sizeof bits);
    const uint32_t wide[4] = {uint32_t{bits[0]} << 16, uint32_t{bits[1]} << 16,
                              uint32_t{bits[2]} << 16, uint32_t{bits[3]} << 16};
    return load(wide);
  }
  static VecPortable from_i8(const std::byte* from) {
    int8_t q[4];
    std::memcpy(q, from, sizeof q);
    return {Raw{static_cast<float>(q[0]), static_cast<float>(q[1]), static_cast<float>(q[2]),
                static_cast<float>(q[3])}};
  }
  static float half(const std::byte* from) { return from_f16_one(from); }

 private:
  static float from_f16_one(const std::byte* from) {
    uint16_t bits;
    std::memcpy(&bits, from, sizeof bits);
    const uint32_t magnitude = bits & 0x7fffu, sign = (bits & 0x8000u) << 16;
    // Below the normal halves; computed, since a float of these bits would count as zero
    // (DenormalsAreZero).
    if (magnitude < 0x400) {
      const float value = static_cast<float>(magnitude) * 0x1p-24f;
      return sign != 0 ? -value : value;
    }
    const uint32_t rebias = magnitude < 0x7c00 ? 0x38000000u : 0x70000000u;  // infinity or NaN
    const uint32_t whole = sign | ((magnitude << 13) + rebias);
    float value;
    std::memcpy(&value, &whole, sizeof value);
    return value;
  }
};

inline VecPortable VecPortable::from_f16(const std::byte* from) {
  return {Raw{from_f16_one(from), from_f16_one(from + 2), from_f16_one(from + 4),
              from_f16_one(from + 6)}};
}

}  // namespace corvid::engine
