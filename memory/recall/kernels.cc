#include "memory/recall/kernels.h"

#include <algorithm>
#include <array>

#include "memory/recall/corpus.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__)
#define CORVID_WIDE                                                       \
  __attribute__((target_clones("default", "avx2", "arch=skylake-avx512"), \
                 optimize("O3", "finite-math-only", "no-signed-zeros", "no-trapping-math")))
#else
#define CORVID_WIDE
#endif

namespace corvid::memory {
namespace {

constexpr size_t kPiece = 1024;
constexpr size_t kCacheLine = 64;
constexpr size_t kBytesAhead = 4096;  // a page: processors do not look further by themselves

}  // namespace

CORVID_WIDE Range range_of(std::span<const float> values) {
  if (values.empty()) return {};
  float low = values[0];
  float high = values[0];
  const float* const at = values.data();
  const size_t size = values.size();
  for (size_t i = 0; i < size; ++i) low = at[i] < low ? at[i] : low;
  for (size_t i = 0; i < size; ++i) high = at[i] > high ? at[i] : high;
  return {low, high};
}

CORVID_WIDE size_t count_zeros(std::span<const uint16_t> values) {
  size_t count = 0;
  for (size_t from = 0; from < values.size(); from += kPiece) {
    const uint16_t* const at = values.data() + from;
    const size_t size = std::min(kPiece, values.size() - from);
    uint16_t some = 0;  // as wide as the values
    for (size_t i = 0; i < size; ++i) some = static_cast<uint16_t>(some + (at[i] == 0 ? 1 : 0));
    count += some;
  }
  return count;
}

CORVID_WIDE int32_t dot(const int8_t* a, const int8_t* b, size_t count) {
  int32_t sum = 0;
  for (size_t i = 0; i < count; ++i) sum += static_cast<int16_t>(a[i]) * static_cast<int16_t>(b[i]);
  return sum;
}

CORVID_WIDE void dots(const Rows& rows, std::span<const int8_t> question, float factor,
                      std::span<float> out) {
  const size_t dim = question.size();
  const size_t rows_ahead = kBytesAhead / std::max<size_t>(dim, 1) + 1;
  // Sixteen bits wide, so that two products are summed by one instruction.
  std::array<int16_t, kPiece> asked{};
  for (size_t begin = 0; begin < dim; begin += kPiece) {
    const size_t size = std::min(kPiece, dim - begin);
    for (size_t i = 0; i < size; ++i) asked[i] = question[begin + i];
    for (size_t row = 0; row < out.size(); ++row) {
      const int8_t* const codes = rows.codes + row * dim + begin;
      const int8_t* const soon =
          rows.codes + std::min(row + rows_ahead, out.size() - 1) * dim + begin;
      for (size_t i = 0; i < size; i += kCacheLine) __builtin_prefetch(soon + i);
      int32_t sum = 0;
      for (size_t i = 0; i < size; ++i) sum += static_cast<int16_t>(codes[i]) * asked[i];
      const float part = factor * rows.inverse[row] * static_cast<float>(sum);
      out[row] = begin == 0 ? part : out[row] + part;
    }
  }
}

#ifdef __x86_64__
namespace {

// The sums of eight numbers each in a, b, c and d.
__attribute__((target("avx2"))) inline __m128i sums_of(__m256i a, __m256i b, __m256i c,
                                                       __m256i d) {
  const __m256i sum = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
  return _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
}

__attribute__((target("avx2"))) inline __m256i load(const void* at) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(at));
}

// `row`, as unsigned halves of bytes, times the question.
__attribute__((target("avx2"))) inline __m256i coarse_row(const uint8_t* row,
                                                          const int8_t* question, size_t half) {
  constexpr size_t kBytes = 32;
  constexpr size_t kSummed = 4 * kBytes;  // sums of sixteen bits hold so many: 8 x 2 x 15 x 127
  const __m256i low_half = _mm256_set1_epi8(0x0f);
  __m256i sum = _mm256_setzero_si256();
  for (size_t begin = 0; begin < half; begin += kSummed) {
    __m256i part = _mm256_setzero_si256();
    for (size_t i = begin; i < std::min(half, begin + kSummed); i += kBytes) {
      const __m256i bytes = load(row + i);
      const __m256i low = _mm256_and_si256(bytes, low_half);
      const __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low_half);
      part = _mm256_add_epi16(part, _mm256_maddubs_epi16(low, load(question + i)));
      part = _mm256_add_epi16(part, _mm256_maddubs_epi16(high, load(question + half + i)));
    }
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(part, _mm256_set1_epi16(1)));
  }
  return sum;
}

// Four rows at a time; gives how many rows are done. Wider registers gain nothing: the scan waits
// for memory.
__attribute__((target("avx2"))) size_t coarse_dots_avx2(const CoarseRows& rows,
                                                        std::span<const int8_t> question,
                                                        float factor, int32_t zero,
                                                        std::span<float> out) {
  const size_t half = question.size() / 2;
  size_t row = 0;
  for (; row + 4 <= out.size(); row += 4) {
    const uint8_t* const codes = rows.codes + row * half;
    for (size_t i = 0; i < 4 * half; i += kCacheLine) __builtin_prefetch(codes + i + kBytesAhead);
    const __m128i sums = sums_of(coarse_row(codes, question.data(), half),
                                 coarse_row(codes + half, question.data(), half),
                                 coarse_row(codes + 2 * half, question.data(), half),
                                 coarse_row(codes + 3 * half, question.data(), half));
    const __m128 products = _mm_cvtepi32_ps(_mm_sub_epi32(sums, _mm_set1_epi32(zero)));
    const __m128 by = _mm_mul_ps(_mm_loadu_ps(rows.inverse + row), _mm_set1_ps(factor));
    _mm_storeu_ps(out.data() + row, _mm_mul_ps(products, by));
  }
  return row;
}

}  // namespace
#endif

void coarse_dots(const CoarseRows& rows, std::span<const int8_t> question, float factor,
                 std::span<float> out) {
  const size_t half = question.size() / 2;
  int32_t zero = 0;
  for (const int8_t number : question) zero += kCoarseZero * number;
  size_t row = 0;
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) row = coarse_dots_avx2(rows, question, factor, zero, out);
#endif
  for (; row < out.size(); ++row) {
    const uint8_t* const codes = rows.codes + row * half;
    int32_t sum = 0;
    for (size_t i = 0; i < half; ++i) {
      sum += (codes[i] & 0x0f) * question[i] + (codes[i] >> 4) * question[half + i];
    }
    out[row] = factor * rows.inverse[row] * static_cast<float>(sum - zero);
  }
}

CORVID_WIDE void add_saturated(const Saturation& saturation, const Weight& weight,
                               const uint16_t* count, const float* length,
                               std::span<float> score) {
  float* const at = score.data();
  const size_t size = score.size();
  const Saturation by = saturation;
  const Weight of = weight;
  for (size_t i = 0; i < size; ++i) {
    const float held = of.unit * static_cast<float>(static_cast<int32_t>(count[i]));
    at[i] += of.weight * (held * by.up / (held + by.plain + by.each * length[i]));
  }
}

CORVID_WIDE void add_where(const uint16_t* count, uint16_t least, float amount,
                           std::span<float> out) {
  float* const at = out.data();
  const size_t size = out.size();
  for (size_t i = 0; i < size; ++i) at[i] += count[i] >= least ? amount : 0.0f;
}

CORVID_WIDE void add_neighbours(const Neighbours& around, const Mean& near, const Mean& wide,
                                size_t count) {
  const float* const value = around.value;
  const uint8_t* const reach = around.reach;
  const Mean by_near = near;
  const Mean by_wide = wide;
  for (size_t i = 0; i < count; ++i) {
    const int32_t after = Corpus::Reach::after(reach[i]);
    const int32_t before = Corpus::Reach::before(reach[i]);
    const float* const at = value + i;
    const float back[] = {at[-1], at[-2], at[-3]};
    const float forth[] = {at[1], at[2], at[3]};
    const float one = (before > 0 ? back[0] : 0.0f) + (after > 0 ? forth[0] : 0.0f);
    const float two = (before > 1 ? back[1] : 0.0f) + (after > 1 ? forth[1] : 0.0f);
    const float three = (before > 2 ? back[2] : 0.0f) + (after > 2 ? forth[2] : 0.0f);
    const auto sum = [&](const ByDistance& weight) {
      return at[0] + weight[1] * one + weight[2] * two + weight[3] * three;
    };
    by_near.out[i] = by_near.inverse[i] * sum(by_near.weight);
    by_wide.out[i] = by_wide.inverse[i] * sum(by_wide.weight);
  }
}

CORVID_WIDE void sum_terms(std::span<const Term> terms, size_t from, std::span<float> out) {
  float* const to = out.data();
  const size_t size = out.size();
  for (size_t i = 0; i < size; ++i) to[i] = 0;
  for (const Term& term : terms) {
    const float* const value = term.value + from;
    const float factor = term.factor;
    for (size_t i = 0; i < size; ++i) to[i] += factor * value[i];
  }
}

}  // namespace corvid::memory
