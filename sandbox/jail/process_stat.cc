#include "sandbox/jail/process_stat.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace corvid::jail {
namespace {

// The start of a small file, ended with a zero.
bool read_entry(int proc_fd, const char* process, const char* name, char* text, size_t size) {
  char path[352];
  snprintf(path, sizeof path, "%s/%s", process, name);
  const int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t got = read(fd, text, size - 1);
  close(fd);
  if (got <= 0) return false;
  text[got] = '\0';
  return true;
}

}  // namespace

// Fields 3 (state), 4 (parent), 5 (group), 20 (threads) and 24 (resident pages); the name before
// them may hold anything, a parenthesis too.
bool read_stat(int proc_fd, const char* process, ProcessStat& stat) {
  char text[1024];
  if (!read_entry(proc_fd, process, "stat", text, sizeof text)) return false;
  const char* at = strrchr(text, ')');
  if (at == nullptr) return false;
  int field = 2;
  for (; *at != '\0' && field < 24; ++at) {
    if (*at != ' ') continue;
    ++field;
    if (field == 3) stat.state = at[1];
    if (field == 4) stat.parent = atoi(at + 1);
    if (field == 5) stat.group = atoi(at + 1);
    if (field == 20) stat.threads = atol(at + 1);
    if (field == 24) stat.resident_bytes = atol(at + 1) * sysconf(_SC_PAGESIZE);
  }
  return field == 24;
}

long read_shared_out_bytes(int proc_fd, const char* process) {
  char text[2048];
  if (!read_entry(proc_fd, process, "smaps_rollup", text, sizeof text)) return -1;
  const char* pss = strstr(text, "\nPss:");
  return pss != nullptr ? atol(pss + 5) * 1024 : -1;
}

}  // namespace corvid::jail
