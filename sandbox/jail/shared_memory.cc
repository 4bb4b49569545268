#include "sandbox/jail/shared_memory.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/jail/process_stat.h"

namespace corvid::jail {
namespace {

constexpr int kUnseenPassesMax = 10;
constexpr int64_t kPassEveryUs = 20'000;
constexpr int64_t kPauseFactor = 9;

int64_t now_us() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

// Calls visit(line) for each line of a file of /proc, without its end.
template <typename Visit>
void each_line(int fd, Visit visit) {
  char buffer[16384];
  size_t have = 0;
  for (;;) {
    const ssize_t got = read(fd, buffer + have, sizeof buffer - 1 - have);
    if (got <= 0) return;
    have += static_cast<size_t>(got);
    buffer[have] = '\0';
    char* line = buffer;
    for (char* end; (end = strchr(line, '\n')) != nullptr; line = end + 1) {
      *end = '\0';
      visit(line);
    }
    have = strlen(line);
    if (have == sizeof buffer - 1) have = 0;  // no line of these is so long
    memmove(buffer, line, have);
  }
}

// A process or thread that only waits for its parent has no files, and none but user 0 may look.
bool has_ended(int proc_fd, const char* process) {
  ProcessStat stat;
  return !read_stat(proc_fd, process, stat) || stat.state == 'Z' || stat.state == 'X';
}

}  // namespace

SharedMemory::SharedMemory() {
  const int fd = memfd_create("", MFD_CLOEXEC);
  struct stat status = {};
  if (fd < 0) return;
  if (fstat(fd, &status) == 0) device_ = status.st_dev;
  close(fd);
}

bool SharedMemory::is_due() const { return now_us() >= due_us_; }

void SharedMemory::begin() {
  begun_us_ = now_us();
  if (inode_count_ > 0) memset(inodes_, 0, sizeof inodes_);
  inode_count_ = 0;
  sum_ = 0;
  has_unseen_ = false;
}

size_t SharedMemory::place_of(uint64_t inode) const {
  size_t at = inode * 0x9e3779b97f4a7c15u >> 48;
  while (inodes_[at] != 0 && inodes_[at] >> 1 != inode) at = (at + 1) % kInodesMax;
  return at;
}

bool SharedMemory::is_new(uint64_t inode, bool is_open) {
  if (inode_count_ >= kInodesMax / 2) return true;
  uint64_t& known = inodes_[place_of(inode)];
  if (known != 0) return false;
  known = inode << 1 | (is_open ? 1 : 0);
  ++inode_count_;
  return true;
}

// The open files of one process or thread. `is_seen`: there were some.
bool SharedMemory::add_descriptors(int proc_fd, const char* process, bool& is_seen) {
  char path[352];
  snprintf(path, sizeof path, "%s/fd", process);
  const int folder = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return errno == ENOENT || errno == ESRCH;
  each_number(folder, [&](const char* name) {
    is_seen = true;
    struct statx status = {};  // no other file system is asked about its file
    if (statx(folder, name, AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &status) != 0) return;
    if (makedev(status.stx_dev_major, status.stx_dev_minor) != device_) return;
    if (is_new(status.stx_ino, true)) sum_ += static_cast<long>(status.stx_blocks) * 512;
  });
  close(folder);
  return true;
}

void SharedMemory::add_mapped(int proc_fd, const char* process) {
  if (device_ == 0) return;
  char path[352];
  snprintf(path, sizeof path, "%s/maps", process);
  const int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  each_line(fd, [&](const char* line) {
    unsigned long begin = 0, end = 0, inode = 0;
    unsigned major_number = 0, minor_number = 0;
    if (sscanf(line, "%lx-%lx %*s %*s %x:%x %lu /memfd:", &begin, &end, &major_number,
               &minor_number, &inode) != 5) {
      return;
    }
    if (strstr(line, " /memfd:") == nullptr) return;
    if (makedev(major_number, minor_number) != device_ || !is_new(inode, false)) return;
    sum_ += static_cast<long>(end - begin);
  });
  close(fd);
}

long SharedMemory::counted_twice(int proc_fd, const char* process, const dev_t* others,
                                 size_t other_count) const {
  char path[352];
  snprintf(path, sizeof path, "%s/smaps", process);
  const int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  long bytes = 0;
  bool is_counted = false;
  each_line(fd, [&](const char* line) {
    if (isupper(static_cast<unsigned char>(line[0]))) {  // a field of the mapping before it
      if (is_counted && strncmp(line, "Pss:", 4) == 0) bytes += atol(line + 4) * 1024;
      return;
    }
    unsigned major_number = 0, minor_number = 0;
    unsigned long inode = 0;
    int name = 0;
    is_counted = false;
    // Shared ones alone: what a process has written to a private one is its own.
    if (sscanf(line, "%*x-%*x %*3cs %*s %x:%x %lu %n", &major_number, &minor_number, &inode,
               &name) != 3) {
      return;
    }
    const dev_t device = makedev(major_number, minor_number);
    for (size_t i = 0; i < other_count; ++i) is_counted |= device == others[i];
    // Nobody counts memory that is shared without a file, which lies there, too.
    if (device_ == 0 || device != device_) return;
    const bool is_file = strncmp(line + name, "/memfd:", 7) == 0;
    is_counted |= is_file && inodes_[place_of(inode)] == (inode << 1 | 1);
    is_counted |= strncmp(line + name, "/SYSV", 5) == 0;
  });
  close(fd);
  return bytes;
}

void SharedMemory::add(int proc_fd, const char* process) {
  if (device_ == 0) return;
  bool is_seen = false, is_hidden = false;
  add_descriptors(proc_fd, process, is_seen);
  if (is_seen) return;
  // The first thread has ended, perhaps; they share their files.
  char path[352];
  snprintf(path, sizeof path, "%s/task", process);
  const int folder = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  each_number(folder, [&](const char* thread) {
    char name[320];
    snprintf(name, sizeof name, "%s/task/%s", process, thread);
    if (is_seen || has_ended(proc_fd, name)) return;
    if (!add_descriptors(proc_fd, name, is_seen)) is_hidden = true;
  });
  close(folder);
  if (is_hidden && !is_seen) has_unseen_ = true;
}

void SharedMemory::end(int proc_fd, const char* sysvipc) {
  if (const int fd = sysvipc == nullptr ? -1 : openat(proc_fd, sysvipc, O_RDONLY | O_CLOEXEC);
      fd >= 0) {
    each_line(fd, [&](const char* line) {
      // key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime rss swap
      unsigned long resident = 0, swapped = 0;
      if (sscanf(line, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu",
                 &resident, &swapped) == 2) {
        sum_ += static_cast<long>(resident + swapped);
      }
    });
    close(fd);
  }
  unseen_passes_ = has_unseen_ ? unseen_passes_ + 1 : 0;
  bytes_ = unseen_passes_ >= kUnseenPassesMax ? LONG_MAX / 2 : sum_;
  const int64_t now = now_us();
  const int64_t pause = kPauseFactor * (now - begun_us_);
  due_us_ = now + (pause > kPassEveryUs ? pause : kPassEveryUs);
}

}  // namespace corvid::jail
