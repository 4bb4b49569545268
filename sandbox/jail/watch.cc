// How much the command's processes use together. RLIMIT_NPROC does not hold for user 0 and no
// RLIMIT bounds memory over several processes, so init looks.
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "sandbox/jail/process_stat.h"
#include "sandbox/jail/steps.h"

namespace corvid::jail {
namespace {

// Calls `visit(pid as text)` for each process but init, without allocating.
template <typename Visit>
void each_process(int proc_fd, Visit visit) {
  if (lseek(proc_fd, 0, SEEK_SET) != 0) return;
  each_number(proc_fd, [&](const char* pid) {
    if (strcmp(pid, "1") != 0) visit(pid);
  });
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

void look_at_shared_memory(int proc_fd, SharedMemory& shared) {
  if (!shared.is_due()) return;
  shared.begin();
  each_process(proc_fd, [&](const char* pid) { shared.add(proc_fd, pid); });
  each_process(proc_fd, [&](const char* pid) { shared.add_mapped(proc_fd, pid); });
  shared.end(proc_fd, "sysvipc/shm");
}

Usage measure(const Plan& plan, int proc_fd) {
  Usage usage;
  usage.resident_bytes = files_in_memory(plan);
  each_process(proc_fd, [&](const char* pid) {
    ProcessStat process;
    if (!read_stat(proc_fd, pid, process)) return;
    usage.process_count += process.threads;
    usage.resident_bytes += process.resident_bytes;
  });
  return usage;
}

long measure_exactly(const Plan& plan, int proc_fd) {
  long bytes = files_in_memory(plan);
  each_process(proc_fd, [&](const char* pid) {
    ProcessStat process;
    const long exact = read_shared_out_bytes(proc_fd, pid);
    if (exact < 0 && !read_stat(proc_fd, pid, process)) return;
    bytes += exact >= 0 ? exact : process.resident_bytes;
  });
  return bytes;
}

long counted_twice(const Plan& plan, int proc_fd, const SharedMemory& shared) {
  constexpr size_t kFileSystemsMax = 16;
  dev_t devices[kFileSystemsMax];
  size_t count = 0;
  for (const MountOp& op : plan.mounts) {
    struct stat status = {};
    if (op.kind != MountOp::Kind::tmpfs || count == kFileSystemsMax) continue;
    if (stat(op.target.c_str(), &status) == 0) devices[count++] = status.st_dev;
  }
  long bytes = 0;
  each_process(proc_fd, [&](const char* pid) {
    bytes += shared.counted_twice(proc_fd, pid, devices, count);
  });
  return bytes;
}

}  // namespace corvid::jail
