#pragma once
// Four lanes of float with NEON, which every 64-bit ARM has. Only for files named *_neon.cc.
// Members as in VecPortable.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <arm_neon.h>

namespace corvid::engine {

struct VecNeon {
  static constexpr int64_t kLanes = 4;
  float32x4_t raw;

  static VecNeon zero() { return {vdupq_n_f32(0)}; }
  static VecNeon all(float x) { return {vdupq_n_f32(x)}; }
  static VecNeon load(const void* from) { return {vld1q_f32(static_cast<const float*>(from))}; }
  static VecNeon load_part(const void* from, int64_t count) {
    VecNeon v = zero();
    std::memcpy(&v.raw, from, static_cast<size_t>(count) * sizeof(float));
    return v;
  }
  void store(float* to) const { vst1q_f32(to, raw); }
  void store_part(float* to, int64_t count) const {
    std::memcpy(to, &raw, static_cast<size_t>(count) * sizeof(float));
  }

  friend VecNeon operator+(VecNeon a, VecNeon b) { return {vaddq_f32(a.raw, b.raw)}; }
  friend VecNeon operator-(VecNeon a, VecNeon b) { return {vsubq_f32(a.raw, b.raw)}; }
  friend VecNeon operator*(VecNeon a, VecNeon b) { return {vmulq_f32(a.raw, b.raw)}; }
  friend VecNeon operator/(VecNeon a, VecNeon b) { return {vdivq_f32(a.raw, b.raw)}; }
  static VecNeon fma(VecNeon a, VecNeon b, VecNeon c) { return {vfmaq_f32(c.raw, a.raw, b.raw)}; }
  static VecNeon max(VecNeon a, VecNeon b) {
    return {vbslq_f32(vcgtq_f32(a.raw, b.raw), a.raw, b.raw)};
  }
  static VecNeon min(VecNeon a, VecNeon b) {
    return {vbslq_f32(vcltq_f32(a.raw, b.raw), a.raw, b.raw)};
  }

  static VecNeon round(VecNeon a) { return {vrndnq_f32(a.raw)}; }
  static VecNeon power_of_two(VecNeon n) {
    const int32x4_t bits = vaddq_s32(vcvtq_s32_f32(n.raw), vdupq_n_s32(127));
    return {vreinterpretq_f32_s32(vshlq_n_s32(bits, 23))};
  }

  static void sum4(const VecNeon* v, float* out) {
    vst1q_f32(out, vpaddq_f32(vpaddq_f32(v[0].raw, v[1].raw), vpaddq_f32(v[2].raw, v[3].raw)));
  }
  float sum() const { return vaddvq_f32(raw); }

  static VecNeon from_f16(const std::byte* from) {
    const uint16x4_t bits = vld1_u16(reinterpret_cast<const uint16_t*>(from));
    return {vcvt_f32_f16(vreinterpret_f16_u16(bits))};
  }
  static VecNeon from_bf16(const std::byte* from) {
    const uint16x4_t bits = vld1_u16(reinterpret_cast<const uint16_t*>(from));
    return {vreinterpretq_f32_u32(vshll_n_u16(bits, 16))};
  }
  static VecNeon from_i8(const std::byte* from) {
    int32_t bytes;
    std::memcpy(&bytes, from, sizeof bytes);
    const int16x8_t wide = vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(bytes)));
    return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)))};
  }
  static float half(const std::byte* from) {
    __fp16 value;
    std::memcpy(&value, from, sizeof value);
    return value;
  }
};

}  // namespace corvid::engine
