// Network namespace: nothing but a loopback interface, which this brings up, and one socket of it
// that the harness gets.
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox/jail/pass_descriptor.h"
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

// A socket belongs to the namespace that it was made in: the harness listens in this network and
// connects from its own. Nothing comes in.
int offer_proxy(State& state) {
  if (state.plan.proxy_port == 0) return 0;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(state.plan.proxy_port));
  int error = 0;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) error = errno;
  if (error == 0 && listen(fd, SOMAXCONN) != 0) error = errno;
  if (error == 0) error = send_descriptor(kProxyFd, fd);
  close(fd);
  close(kProxyFd);
  return error;
}

}  // namespace corvid::jail
