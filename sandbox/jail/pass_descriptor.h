#pragma once

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

// Descriptors over Unix sockets (unix(7), SCM_RIGHTS), one a message. In a header because the jail
// and the program that starts it share no library.
namespace corvid::jail {

struct DescriptorMessage {
  char byte = 'd';  // a message without content carries no descriptor
  iovec content = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header = {};

  DescriptorMessage() {
    header.msg_iov = &content;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
  }
  DescriptorMessage(const DescriptorMessage&) = delete;
  DescriptorMessage& operator=(const DescriptorMessage&) = delete;
};

// 0 or errno.
inline int send_descriptor(int channel, int fd) {
  DescriptorMessage message;
  cmsghdr* rights = CMSG_FIRSTHDR(&message.header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  return sendmsg(channel, &message.header, MSG_NOSIGNAL) == 1 ? 0 : errno;
}

// The descriptor, closed by exec, or -1 and errno: EPIPE where the other side is gone, EBADMSG for
// a message without one.
inline int receive_descriptor(int channel, int flags = 0) {
  DescriptorMessage message;
  const ssize_t got = recvmsg(channel, &message.header, MSG_CMSG_CLOEXEC | flags);
  if (got < 0) return -1;
  const cmsghdr* rights = got == 1 ? CMSG_FIRSTHDR(&message.header) : nullptr;
  if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS ||
      rights->cmsg_len != CMSG_LEN(sizeof(int))) {
    errno = got == 0 ? EPIPE : EBADMSG;
    return -1;
  }
  int fd = -1;
  memcpy(&fd, CMSG_DATA(rights), sizeof fd);
  return fd;
}

}  // namespace corvid::jail
