#include <errno.h>
#include <linux/close_range.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/jail/steps.h"

namespace corvid::jail {

// All but 0, 1 and 2. The status pipe is closed by exec, so that a failing exec can be reported.
int close_descriptors(State&) {
  if (syscall(SYS_close_range, 3, kStatusFd - 1, 0) != 0) return errno;
  if (syscall(SYS_close_range, kStatusFd, kStatusFd, CLOSE_RANGE_CLOEXEC) != 0) return errno;
  return syscall(SYS_close_range, kStatusFd + 1, ~0u, 0) == 0 ? 0 : errno;
}

}  // namespace corvid::jail
