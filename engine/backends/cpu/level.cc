#include <cstdlib>

#ifdef __x86_64__
#include <cpuid.h>
#endif
#ifdef __aarch64__
#include <sys/auxv.h>

#include <asm/hwcap.h>
#endif

#include "engine/backends/cpu/kernels.h"
#include "engine/engine.h"
#include "runtime/base/error.h"

namespace corvid::engine {

extern const Kernels kScalarKernels;
#ifdef __x86_64__
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
#endif
#ifdef __aarch64__
extern const Kernels kNeonKernels, kDotprodKernels;
#endif

namespace {

struct Level {
  const Kernels* kernels;
  bool works;
};

#ifdef __x86_64__
// clang 14 has no name for it.
bool has_f16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

// Best last.
std::vector<Level> all_levels() {
  return {
      {&kScalarKernels, true},
#ifdef __x86_64__
      {&kAvx2Kernels, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                          has_f16c()},
      {&kAvx512Kernels, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512dq") &&
                            __builtin_cpu_supports("avx512vl") &&
                            __builtin_cpu_supports("avx512vnni")},
#endif
#ifdef __aarch64__
      {&kNeonKernels, true},
      {&kDotprodKernels, (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0},
#endif
  };
}

}  // namespace

const Kernels& find_kernels(std::string level) {
  const char* forced = std::getenv("CORVID_CPU");
  if (level.empty() && forced != nullptr) level = forced;
  const Kernels* best = nullptr;
  std::string known;
  for (const auto& [kernels, works] : all_levels()) {
    if (works) best = kernels;
    known.append(" ").append(kernels->name);
    if (level != kernels->name) continue;
    if (!works) fail(Code::unsupported, "this CPU cannot run the kernels for " + level);
    return *kernels;
  }
  if (!level.empty()) {
    fail(Code::not_found, "unknown CPU level '" + level + "'; known:" + known);
  }
  return *best;
}

std::vector<CpuLevel> cpu_levels() {
  std::vector<CpuLevel> levels;
  for (const auto& [kernels, works] : all_levels()) levels.push_back({kernels->name, works});
  return levels;
}

}  // namespace corvid::engine
