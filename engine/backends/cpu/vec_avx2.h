#pragma once
// Eight lanes of float with AVX2, FMA and F16C. Only for files named *_avx2.cc. Members as in
// VecPortable.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <immintrin.h>

namespace corvid::engine {

struct VecAvx2 {
  static constexpr int64_t kLanes = 8;
  __m256 raw;

  static VecAvx2 zero() { return {_mm256_setzero_ps()}; }
  static VecAvx2 all(float x) { return {_mm256_set1_ps(x)}; }
  static VecAvx2 load(const void* from) {
    return {_mm256_loadu_ps(static_cast<const float*>(from))};
  }
  static VecAvx2 load_part(const void* from, int64_t count) {
    return {_mm256_maskload_ps(static_cast<const float*>(from), mask(count))};
  }
  void store(float* to) const { _mm256_storeu_ps(to, raw); }
  void store_part(float* to, int64_t count) const { _mm256_maskstore_ps(to, mask(count), raw); }

  friend VecAvx2 operator+(VecAvx2 a, VecAvx2 b) { return {_mm256_add_ps(a.raw, b.raw)}; }
  friend VecAvx2 operator-(VecAvx2 a, VecAvx2 b) { return {_mm256_sub_ps(a.raw, b.raw)}; }
  friend VecAvx2 operator*(VecAvx2 a, VecAvx2 b) { return {_mm256_mul_ps(a.raw, b.raw)}; }
  friend VecAvx2 operator/(VecAvx2 a, VecAvx2 b) { return {_mm256_div_ps(a.raw, b.raw)}; }
  static VecAvx2 fma(VecAvx2 a, VecAvx2 b, VecAvx2 c) {
    return {_mm256_fmadd_ps(a.raw, b.raw, c.raw)};
  }
  static VecAvx2 max(VecAvx2 a, VecAvx2 b) { return {_mm256_max_ps(a.raw, b.raw)}; }
  static VecAvx2 min(VecAvx2 a, VecAvx2 b) { return {_mm256_min_ps(a.raw, b.raw)}; }

  static VecAvx2 round(VecAvx2 a) {
    return {_mm256_round_ps(a.raw, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
  }
  static VecAvx2 power_of_two(VecAvx2 n) {
    const __m256i bits = _mm256_add_epi32(_mm256_cvtps_epi32(n.raw), _mm256_set1_epi32(127));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(bits, 23))};
  }

  static void sum4(const VecAvx2* v, float* out) {
    const __m256 ab = _mm256_hadd_ps(v[0].raw, v[1].raw);
    const __m256 cd = _mm256_hadd_ps(v[2].raw, v[3].raw);
    const __m256 abcd = _mm256_hadd_ps(ab, cd);
    _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(abcd), _mm256_extractf128_ps(abcd, 1)));
  }
  float sum() const {
    const VecAvx2 v[4] = {*this, *this, *this, *this};
    float out[4];
    sum4(v, out);
    return out[0];
  }

  static VecAvx2 from_f16(const std::byte* from) {
    return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)))};
  }
  static VecAvx2 from_bf16(const std::byte* from) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16))};
  }
  static VecAvx2 from_i8(const std::byte* from) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))};
  }
  static float half(const std::byte* from) {
    uint16_t bits;
    std::memcpy(&bits, from, sizeof bits);
    return _cvtsh_ss(bits);
  }

 private:
  static __m256i mask(int64_t count) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lanes);
  }
};

}  // namespace corvid::engine
