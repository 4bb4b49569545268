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

// Signals the children that this process has now. False where the kernel does not list them
// (CONFIG_PROC_CHILDREN).
bool end_children() {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  char text[4096];
  pid_t pid = 0;
  for (ssize_t got = 0; (got = read(file, text, sizeof text)) > 0;) {
    for (ssize_t i = 0; i < got; ++i) {  // each number is followed by a space
      if (text[i] != ' ') {
        pid = pid * 10 + (text[i] - '0');
        continue;
      }
      if (pid > 0) kill(pid, SIGKILL);
      pid = 0;
    }
  }
  close(file);
  return true;
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

// The whole tree first. What it started meanwhile is adopted by this process when its parent dies,
// and the list of own children is read faster than a process forks: the rest shrinks to nothing,
// where a walk through /proc would never come to an end of a fork bomb.
void end_descendants() {
  constexpr int kIdleMax = 100;  // passes without an end before it sleeps: dying may take long
  int idle = 0;
  bool has_list = false;
  for (;;) {
    if (!has_list) {
      for (const TreeProcess& process : descendants()) kill(process.pid, SIGKILL);
    }
    has_list = end_children();
    pid_t done = 0;
    for (++idle; (done = waitpid(-1, nullptr, WNOHANG)) > 0;) idle = 0;
    if (done < 0 && errno == ECHILD) return;
    if (idle > kIdleMax) usleep(1000);
  }
}

long count_tasks() {
  const int file = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[128];
  const ssize_t got = read(file, text, sizeof text - 1);
  close(file);
  text[got > 0 ? got : 0] = '\0';
  const char* slash = strchr(text, '/');  // "0.20 0.18 0.12 RUNNING/ALL LAST"
  return slash != nullptr ? atol(slash + 1) : 0;
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
