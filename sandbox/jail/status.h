#pragma once

// What the jail writes to kStatusFd, and the harness reads: one record, the first one counts.
namespace corvid::jail {

enum class Ending : char {
  exited = 'e',            // value: exit code; text: number of processes that ran on
  killed = 's',            // value: signal; text: the same
  step_failed = 'f',       // value: errno; text: "step" or "step: what"
  not_executed = 'x',      // value: errno of exec
  memory_exceeded = 'm',   // all processes together held more than they may
  processes_exceeded = 'p'
};

struct Status {
  Ending ending = Ending::step_failed;
  int value = 0;
  char text[248] = {};  // ends with a zero
};
static_assert(sizeof(Status) <= 4096, "written to the pipe at once");

}  // namespace corvid::jail
