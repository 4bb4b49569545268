// Limits that the kernel checks at once. Memory and what user 0 starts are bounded by init's watch:
// RLIMIT_AS and RLIMIT_DATA count what is only reserved, which ends programs built with
// AddressSanitizer, and RLIMIT_NPROC does not hold for user 0.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "sandbox/jail/steps.h"

namespace corvid::jail {
namespace {

// Never above what the caller itself may have.
int lower(__rlimit_resource resource, rlim_t value) {
  rlimit limit = {};
  if (getrlimit(resource, &limit) != 0) return errno;
  if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < value) value = limit.rlim_max;
  limit.rlim_cur = limit.rlim_max = value;
  return setrlimit(resource, &limit) == 0 ? 0 : errno;
}

bool has_own_pid_max() {
  utsname name = {};
  if (uname(&name) != 0) return false;
  int major = 0;
  int minor = 0;
  if (sscanf(name.release, "%d.%d", &major, &minor) != 2) return false;
  return major > 6 || (major == 6 && minor >= 14);
}

}  // namespace

// When the machine runs out of memory init is the first to go, and with it all others.
int offer_to_oom_killer(State&) { return write_text("/proc/self/oom_score_adj", "1000"); }

// RLIMIT_NPROC does not hold for user 0. Since Linux 6.14 a PID namespace has a pid_max of its own
// (on older kernels the file is the whole machine's, so it is left alone); its least value is 301.
int limit_process_numbers(State& state) {
  if (!has_own_pid_max()) return 0;
  char text[32];
  const long wanted = static_cast<long>(state.plan.processes_max) + 16;
  snprintf(text, sizeof text, "%ld", wanted < 301 ? 301 : wanted);
  // Without it the other two limits remain.
  const int error = write_text("/proc/sys/kernel/pid_max", text);
  return error == 0 || error == EACCES || error == EPERM ? 0 : error;
}

int set_limits(State& state) {
  struct {
    __rlimit_resource resource;
    rlim_t value;
  } const limits[] = {
      {RLIMIT_CORE, 0},
      {RLIMIT_FSIZE, static_cast<rlim_t>(state.plan.file_bytes_max)},
      {RLIMIT_NPROC, static_cast<rlim_t>(state.plan.processes_max + state.tasks_before)},
      {RLIMIT_NOFILE, 4096},
      {RLIMIT_MEMLOCK, 8 << 20},
      {RLIMIT_NICE, 0},
      {RLIMIT_RTPRIO, 0},
  };
  for (const auto& limit : limits) {
    if (const int error = lower(limit.resource, limit.value)) return error;
  }
  return 0;
}

}  // namespace corvid::jail
