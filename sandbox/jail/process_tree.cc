#include "sandbox/jail/process_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace corvid::jail {
namespace {

constexpr int kDepthMax = 100'000;

// Calls `visit(number of the process)` for every process of the machine.
template <typename Visit>
void each_process(Visit visit) {
  const int folder = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  each_number(folder, [&](const char* pid) { visit(atoi(pid)); });
  close(folder);
}

}  // namespace

bool read_process(pid_t pid, TreeProcess& process) {
  char folder[32];
  snprintf(folder, sizeof folder, "/proc/%d", pid);
  process.pid = pid;
  return read_stat(AT_FDCWD, folder, process);
}

std::vector<TreeProcess> descendants() {
  std::unordered_map<pid_t, std::vector<TreeProcess>> children;
  each_process([&](pid_t pid) {
    TreeProcess process;
    if (read_process(pid, process)) children[process.parent].push_back(process);
  });
  std::vector<TreeProcess> found;
  std::unordered_set<pid_t> seen = {getpid()};  // a number may come again within the pass
  std::vector<pid_t> open_ones = {getpid()};
  while (!open_ones.empty()) {
    const pid_t parent = open_ones.back();
    open_ones.pop_back();
    for (const TreeProcess& child : children[parent]) {
      if (!seen.insert(child.pid).second) continue;
      found.push_back(child);
      open_ones.push_back(child.pid);
    }
  }
  return found;
}

bool is_descendant(pid_t pid) {
  const pid_t self = getpid();
  for (int depth = 0; depth < kDepthMax && pid > 1; ++depth) {
    TreeProcess process;
    if (!read_process(pid, process)) return false;
    if (process.parent == self) return true;
    pid = process.parent;
  }
  return false;
}

void end_descendants() {
  for (;;) {
    for (const TreeProcess& process : descendants()) kill(process.pid, SIGKILL);
    pid_t done = 0;
    do {
      done = waitpid(-1, nullptr, WNOHANG);
    } while (done > 0);
    if (done < 0 && errno == ECHILD) return;
    usleep(1000);
  }
}

long count_tasks_of(unsigned uid) {
  long count = 0;
  each_process([&](pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d", pid);
    struct stat status = {};
    TreeProcess process;
    if (stat(path, &status) != 0 || status.st_uid != uid) return;
    if (read_process(pid, process)) count += process.threads;
  });
  return count;
}

}  // namespace corvid::jail
