#include <errno.h>
#include <linux/close_range.h>
#include <string.h>
#include <sys/socket.h>
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

int send_descriptor(int channel, int fd) {
  char byte = 'd';
  iovec content = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr message = {};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return sendmsg(channel, &message, MSG_NOSIGNAL) == 1 ? 0 : errno;
}

}  // namespace corvid::jail
