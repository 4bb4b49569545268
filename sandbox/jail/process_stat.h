#pragma once

#include <ctype.h>
#include <dirent.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

// What /proc tells of a process (proc(5)), read without allocating.
namespace corvid::jail {

// Calls visit(name) for each numbered entry from where `folder_fd` stands: processes, threads,
// descriptors.
template <typename Visit>
void each_number(int folder_fd, Visit visit) {
  alignas(dirent64) char buffer[16384];
  for (;;) {
    const long bytes = syscall(SYS_getdents64, folder_fd, buffer, sizeof buffer);
    if (bytes <= 0) return;
    for (long at = 0; at < bytes;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      at += entry->d_reclen;
      if (isdigit(static_cast<unsigned char>(entry->d_name[0]))) visit(entry->d_name);
    }
  }
}

struct ProcessStat {
  char state = 'X';
  pid_t parent = 0;
  pid_t group = 0;
  long threads = 0;
  long resident_bytes = 0;
};

// `process` is a folder of a process or thread, relative to `proc_fd` (of /proc) or absolute. False
// when it is gone.
bool read_stat(int proc_fd, const char* process, ProcessStat& stat);

// Resident bytes, shared pages divided among their owners; -1 where the kernel does not tell.
long read_shared_out_bytes(int proc_fd, const char* process);

}  // namespace corvid::jail
