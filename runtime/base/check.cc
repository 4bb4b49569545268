#include "runtime/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace corvid {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "corvid: CHECK(%s) failed at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace corvid
