// Nothing outlives the harness: the kernel signals each process when the one above it ends, and a
// pipe whose other end the harness holds closes the gap before that was asked for.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sandbox/jail/steps.h"

namespace corvid::jail {
namespace {

bool harness_is_gone() {
  pollfd lifeline = {kLifelineFd, 0, 0};
  return poll(&lifeline, 1, 0) != 0;
}

}  // namespace

// SIGTERM, not SIGKILL: this process still removes its placeholders.
int end_with_parent(State&) {
  if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) return errno;
  return harness_is_gone() ? ESRCH : 0;
}

int end_with_jail(State&) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno;
  return harness_is_gone() ? ESRCH : 0;
}

// No controlling terminal, no inherited signal mask.
int start_session(State&) {
  if (setsid() < 0) return errno;
  sigset_t none;
  sigemptyset(&none);
  if (sigprocmask(SIG_SETMASK, &none, nullptr) != 0) return errno;
  // Inherited from init; an own process that is not dumpable cannot write its own /proc entries.
  return prctl(PR_SET_DUMPABLE, 1) == 0 ? 0 : errno;
}

}  // namespace corvid::jail
