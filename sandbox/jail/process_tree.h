#pragma once

#include <sys/types.h>

#include <vector>

#include "sandbox/jail/process_stat.h"

// Processes without a namespace of their own, told apart by who started them. For the warden, which
// may allocate.
namespace corvid::jail {

struct TreeProcess : ProcessStat {
  pid_t pid = 0;
};

// Of one process or thread; false when it is gone.
bool read_process(pid_t pid, TreeProcess& process);

// All that this process has started, and what these have; orphans too, since it adopts them.
std::vector<TreeProcess> descendants();

// Whether `pid`, a process or thread, is one of them.
bool is_descendant(pid_t pid);

// Ends all of them, and returns when none is left.
void end_descendants();

// Processes and threads of the machine, however many in one read; 0 where it does not tell.
long count_tasks();

// Processes and threads of this user.
long count_tasks_of(unsigned uid);

}  // namespace corvid::jail
