// Prints the 8-bit multiplications per second of one thread with operands in registers: the limit of
// prefill. By processor time, the best of some rounds.

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <iostream>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

constexpr int kRounds = 20, kLoops = 200000, kChains = 12;

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vnni"))) int32_t vnni() {
  __m512i sums[kChains];
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  __m512i a = _mm512_set1_epi8(3);
  const __m512i b = _mm512_set1_epi8(1);
  for (int i = 0; i < kLoops; ++i) {
    asm volatile("" : "+v"(a));  // or the products would be made once
#pragma GCC unroll 16
    for (__m512i& sum : sums) sum = _mm512_dpbusd_epi32(sum, a, b);
  }
  int32_t total = 0;
  for (const __m512i& sum : sums) {
    int32_t lanes[16];
    _mm512_storeu_si512(lanes, sum);
    total += lanes[0];
  }
  return total;
}

__attribute__((target("avx2"))) int32_t avx2() {
  __m256i sums[kChains];
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  const __m256i a = _mm256_set1_epi8(3), ones = _mm256_set1_epi16(1);
  __m256i b = _mm256_set1_epi8(1);
  for (int i = 0; i < kLoops; ++i) {
#pragma GCC unroll 16
    for (__m256i& sum : sums) {
      asm volatile("" : "+x"(b));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
    }
  }
  int32_t total = 0;
  for (const __m256i& sum : sums) total += _mm256_extract_epi32(sum, 0);
  return total;
}
#endif

template <typename Run>
void measure(const char* kind, double multiplications, Run run) {
  double best = 1e9;
  int32_t total = 0;
  for (int round = 0; round < kRounds; ++round) {
    timespec begin, end;
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    total += run();
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    best = std::min(best, static_cast<double>(end.tv_sec - begin.tv_sec) +
                              1e-9 * static_cast<double>(end.tv_nsec - begin.tv_nsec));
  }
  std::cout << "{\"kind\": \"" << kind << "\", \"macs_per_s\": "
            << multiplications * kLoops * kChains / best << ", \"sum\": " << total << "}\n";
}

}  // namespace

int main() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vnni")) measure("avx512 vnni", 64, vnni);
  else if (__builtin_cpu_supports("avx2")) measure("avx2", 32, avx2);
#endif
}
