#include <cstdlib>

#include "engine/backends/cpu/kernels.h"
#include "runtime/base/error.h"

namespace corvid::engine {

extern const Kernels kScalarKernels;
#ifdef __x86_64__
extern const Kernels kAvx2Kernels;
#endif

namespace {

struct Level {
  const Kernels* kernels;
  bool available;
};

}  // namespace

const Kernels& find_kernels(std::string level) {
  // Best last.
  const Level levels[] = {
      {&kScalarKernels, true},
#ifdef __x86_64__
      {&kAvx2Kernels, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                          __builtin_cpu_supports("f16c")},
#endif
  };
  const char* forced = std::getenv("CORVID_CPU");
  if (level.empty() && forced != nullptr) level = forced;
  const Kernels* best = nullptr;
  std::string known;
  for (const auto& [kernels, available] : levels) {
    if (available) best = kernels;
    known.append(" ").append(kernels->name);
    if (level != kernels->name) continue;
    if (!available) fail(Code::unsupported, "this CPU cannot run the kernels for " + level);
    return *kernels;
  }
  if (!level.empty()) {
    fail(Code::not_found, "unknown CPU level '" + level + "'; known:" + known);
  }
  return *best;
}

}  // namespace corvid::engine
