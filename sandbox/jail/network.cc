// Network namespace: nothing but a loopback interface, which this brings up.
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox/jail/steps.h"

namespace corvid::jail {

int bring_up_loopback(State& state) {
  if (state.plan.allow_network) return 0;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  ifreq request = {};
  strcpy(request.ifr_name, "lo");
  int error = 0;
  if (ioctl(fd, SIOCGIFFLAGS, &request) != 0) error = errno;
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP | IFF_RUNNING);
  if (error == 0 && ioctl(fd, SIOCSIFFLAGS, &request) != 0) error = errno;
  close(fd);
  return error;
}

}  // namespace corvid::jail
