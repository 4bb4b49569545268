#include "runtime/base/error.h"

#include <cerrno>
#include <cstring>

namespace corvid {

void fail_errno(const std::string& what) {
  const int error = errno;
  fail(Code::io, what + ": " + std::strerror(error));
}

}  // namespace corvid
