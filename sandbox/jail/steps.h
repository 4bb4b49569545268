#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <vector>

#include "sandbox/jail/plan.h"
#include "sandbox/jail/shared_memory.h"
#include "sandbox/jail/status.h"

// From the first step to exec nothing here throws or allocates: every buffer is made in prepare().
namespace corvid::jail {

struct State {
  Plan plan;
  std::vector<char*> argv;              // ends with nullptr, as do the next two
  std::vector<char*> environment;
  std::vector<std::string> candidates;  // programs to try, in order
  std::vector<int> source_fds;          // one per MountOp, -1 where it has no source
  std::vector<sock_filter> filter;      // the seccomp program
  std::vector<sock_filter> warden_filter;  // a second one, when staged: what the warden is asked
  int warden_fd = -1;                   // when staged: the command's end, for the filter's listener
  long tasks_before = 0;                // when staged: of this user, the limit of tasks counts them
  unsigned uid = 0;                     // seen before the new user namespace hides them
  unsigned gid = 0;
  int root_fd = -1;                     // the command's "/"
  int unruled_fd = -1;                  // a folder that no Landlock rule names, for verify
  int landlock_abi = 0;
  const char* detail = nullptr;         // what a failing step was at, a path mostly
};

// Fills everything but `plan`. False when the filter cannot be made.
bool prepare(State& state);

// One kernel mechanism each. 0 or an errno.
#define X(stage, function) int function(State& state);
#include "sandbox/jail/steps.inc"
#undef X

enum class Stage { outside, init, command, warden, inmate };

// Runs the steps of `stage`; the first that fails is reported and ends the process with 126.
void run_steps(Stage stage, State& state);

// Writes one record to kStatusFd.
void report(Ending ending, int value, const char* text = "");

// The namespaces' first process: starts the command, reaps, watches memory and processes, reports
// how the command ended, and ends, which kills all others. Does not return.
[[noreturn]] void run_init(State& state);

// Takes the steps of `stage` and executes the command. Does not return.
[[noreturn]] void execute(State& state, Stage stage);

// Without namespaces: starts the command, answers what the filter asks, watches memory and
// processes, reports how the command ended, and ends everything that it started. The exit status.
int run_warden(State& state);

// Removes the placeholders that were made and are still empty.
void remove_placeholders(State& state);

// The kernel's form of libseccomp's `filter` (a scmp_filter_ctx); empty when it cannot be made.
std::vector<sock_filter> exported(void* filter);

// The seccomp program; empty when it cannot be made.
std::vector<sock_filter> make_filter();

// The filter for a command without namespaces, on top of the other: what the kernel does not
// confine there is refused, or left to the warden. Empty when it cannot be made.
std::vector<sock_filter> make_warden_filter(bool allow_network);

// Takes the next call that waits for the warden, through the listener of make_warden_filter's
// program, and does or refuses it.
void answer_call(const State& state, int listener);

// Writes to a file that exists (of /proc mostly). 0 or an errno.
int write_text(const char* path, const char* text);

// Landlock's ABI here, 0 when there is none.
int landlock_abi();

// Flags of clone for all namespaces that the command gets.
int namespace_flags(bool allow_network);

// Prints one line per layer: NAME, "ok" or "no", a number (ABI or errno). For corvid-jail --probe.
int probe();

// All processes and threads of this namespace but init, and their memory with the files in memory,
// in one pass over /proc.
struct Usage {
  long process_count = 0;
  long resident_bytes = 0;  // shared pages counted once per process: an upper bound
};
Usage measure(const Plan& plan, int proc_fd);

// Of the namespace's processes, when it is time to.
void look_at_shared_memory(int proc_fd, SharedMemory& shared);

// Memory with shared pages divided among their owners, where the kernel tells; slower.
long measure_exactly(const Plan& plan, int proc_fd);

// What of it is counted as files in memory, too; slower still.
long counted_twice(const Plan& plan, int proc_fd, const SharedMemory& shared);

}  // namespace corvid::jail
