// How much the command's processes use together. RLIMIT_NPROC does not hold for user 0 and no
// RLIMIT bounds memory over several processes, so init looks.
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/jail/steps.h"

namespace corvid::jail {
namespace {

// Calls `visit(pid as text)` for each process but init, without allocating.
template <typename Visit>
void each_process(int proc_fd, Visit visit) {
  alignas(dirent64) char buffer[16384];
  if (lseek(proc_fd, 0, SEEK_SET) != 0) return;
  for (;;) {
    const long bytes = syscall(SYS_getdents64, proc_fd, buffer, sizeof buffer);
    if (bytes <= 0) return;
    for (long at = 0; at < bytes;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      at += entry->d_reclen;
      if (!isdigit(static_cast<unsigned char>(entry->d_name[0]))) continue;
      if (strcmp(entry->d_name, "1") != 0) visit(entry->d_name);
    }
  }
}

// The start of a small file of /proc, ended with a zero; false when the process is gone.
bool read_entry(int proc_fd, const char* pid, const char* name, char* text, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "%s/%s", pid, name);
  const int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t got = read(fd, text, size - 1);
  close(fd);
  if (got <= 0) return false;
  text[got] = '\0';
  return true;
}

// Fields 20 (threads) and 24 (resident pages) of /proc/PID/stat; the name before them may hold
// anything, a parenthesis too.
bool parse_stat(const char* text, long& threads, long& pages) {
  const char* after = strrchr(text, ')');
  if (after == nullptr) return false;
  int field = 2;
  for (; *after != '\0'; ++after) {
    if (*after != ' ') continue;
    ++field;
    if (field == 20) threads = atol(after + 1);
    if (field == 24) {
      pages = atol(after + 1);
      return true;
    }
  }
  return false;
}

long files_in_memory(const Plan& plan) {
  long bytes = 0;
  for (const MountOp& op : plan.mounts) {
    struct statfs status = {};
    if (op.kind != MountOp::Kind::tmpfs || statfs(op.target.c_str(), &status) != 0) continue;
    bytes += static_cast<long>((status.f_blocks - status.f_bfree) *
                               static_cast<unsigned long>(status.f_bsize));
  }
  return bytes;
}

}  // namespace

Usage measure(const Plan& plan, int proc_fd) {
  Usage usage;
  usage.resident_bytes = files_in_memory(plan);
  const long page_bytes = sysconf(_SC_PAGESIZE);
  each_process(proc_fd, [&](const char* pid) {
    char text[1024];
    long threads = 0;
    long pages = 0;
    if (!read_entry(proc_fd, pid, "stat", text, sizeof text)) return;
    if (!parse_stat(text, threads, pages)) return;
    usage.process_count += threads;
    usage.resident_bytes += pages * page_bytes;
  });
  return usage;
}

long measure_exactly(const Plan& plan, int proc_fd) {
  long bytes = files_in_memory(plan);
  const long page_bytes = sysconf(_SC_PAGESIZE);
  each_process(proc_fd, [&](const char* pid) {
    char text[2048];
    if (read_entry(proc_fd, pid, "smaps_rollup", text, sizeof text)) {
      const char* pss = strstr(text, "\nPss:");
      if (pss != nullptr) bytes += atol(pss + 5) * 1024;
      return;
    }
    long threads = 0;
    long pages = 0;
    if (!read_entry(proc_fd, pid, "stat", text, sizeof text)) return;
    if (parse_stat(text, threads, pages)) bytes += pages * page_bytes;
  });
  return bytes;
}

}  // namespace corvid::jail
