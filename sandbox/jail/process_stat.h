#pragma once

#include <stddef.h>
#include <sys/types.h>

// What /proc tells of a process (proc(5)), read without allocating.
namespace corvid::jail {

struct ProcessStat {
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
