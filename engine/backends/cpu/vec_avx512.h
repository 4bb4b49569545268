#pragma once
// Sixteen lanes of float with AVX-512 (F, BW, DQ, VL). Only for files named *_avx512.cc. Members as
// in VecPortable.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <immintrin.h>

namespace corvid::engine {

struct VecAvx512 {
  static constexpr int64_t kLanes = 16;
  __m512 raw;

  static VecAvx512 zero() { return {_mm512_setzero_ps()}; }
  static VecAvx512 all(float x) { return {_mm512_set1_ps(x)}; }
  static VecAvx512 load(const void* from) { return {_mm512_loadu_ps(from)}; }
  static VecAvx512 load_part(const void* from, int64_t count) {
    return {_mm512_maskz_loadu_ps(mask(count), from)};
  }
  void store(float* to) const { _mm512_storeu_ps(to, raw); }
  void store_part(float* to, int64_t count) const { _mm512_mask_storeu_ps(to, mask(count), raw); }

  friend VecAvx512 operator+(VecAvx512 a, VecAvx512 b) { return {_mm512_add_ps(a.raw, b.raw)}; }
  friend VecAvx512 operator-(VecAvx512 a, VecAvx512 b) { return {_mm512_sub_ps(a.raw, b.raw)}; }
  friend VecAvx512 operator*(VecAvx512 a, VecAvx512 b) { return {_mm512_mul_ps(a.raw, b.raw)}; }
  friend VecAvx512 operator/(VecAvx512 a, VecAvx512 b) { return {_mm512_div_ps(a.raw, b.raw)}; }
  static VecAvx512 fma(VecAvx512 a, VecAvx512 b, VecAvx512 c) {
    return {_mm512_fmadd_ps(a.raw, b.raw, c.raw)};
  }
  static VecAvx512 max(VecAvx512 a, VecAvx512 b) { return {_mm512_max_ps(a.raw, b.raw)}; }
  static VecAvx512 min(VecAvx512 a, VecAvx512 b) { return {_mm512_min_ps(a.raw, b.raw)}; }

  static VecAvx512 round(VecAvx512 a) {
    return {_mm512_roundscale_ps(a.raw, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
  }
  static VecAvx512 power_of_two(VecAvx512 n) {
    const __m512i bits = _mm512_add_epi32(_mm512_cvtps_epi32(n.raw), _mm512_set1_epi32(127));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(bits, 23))};
  }

  static void sum4(const VecAvx512* v, float* out) {
    const __m256 ab = _mm256_hadd_ps(v[0].folded(), v[1].folded());
    const __m256 cd = _mm256_hadd_ps(v[2].folded(), v[3].folded());
    const __m256 abcd = _mm256_hadd_ps(ab, cd);
    _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(abcd), _mm256_extractf128_ps(abcd, 1)));
  }
  float sum() const {
    const VecAvx512 v[4] = {*this, *this, *this, *this};
    float out[4];
    sum4(v, out);
    return out[0];
  }

  static VecAvx512 from_f16(const std::byte* from) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)))};
  }
  static VecAvx512 from_bf16(const std::byte* from) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
  }
  static VecAvx512 from_i8(const std::byte* from) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))};
  }
  static float half(const std::byte* from) {
    uint16_t bits;
    std::memcpy(&bits, from, sizeof bits);
    return _cvtsh_ss(bits);
  }

 private:
  static __mmask16 mask(int64_t count) { return static_cast<__mmask16>((1 << count) - 1); }
  __m256 folded() const {
    return _mm256_add_ps(_mm512_castps512_ps256(raw), _mm512_extractf32x8_ps(raw, 1));
  }
};

}  // namespace corvid::engine
