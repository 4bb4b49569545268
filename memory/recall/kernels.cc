#include "memory/recall/kernels.h"

#include <algorithm>
#include <array>

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

CORVID_WIDE size_t count_zeros(std::span<const float> values) {
  uint32_t count = 0;
  const float* const at = values.data();
  const size_t size = values.size();
  for (size_t i = 0; i < size; ++i) count += at[i] == 0.0f ? 1 : 0;
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

CORVID_WIDE void add_saturated(const Saturation& saturation, float weight, const float* count,
                               const float* length, std::span<float> score) {
  float* const at = score.data();
  const size_t size = score.size();
  const Saturation by = saturation;
  for (size_t i = 0; i < size; ++i) {
    at[i] += weight * (count[i] * by.up / (count[i] + by.plain + by.each * length[i]));
  }
}

CORVID_WIDE void add_where(const float* count, float least, float amount, std::span<float> out) {
  float* const at = out.data();
  const size_t size = out.size();
  for (size_t i = 0; i < size; ++i) at[i] += count[i] >= least ? amount : 0.0f;
}

}  // namespace corvid::memory
