#pragma once
// When the check has something to say before the model goes on: that nothing is left to do, or that
// no repair can help.

#include <span>
#include <string>

#include "runtime/event.h"

namespace corvid::runtime {

// The line of the output which says that the check's program is not there or cannot be started;
// empty: it ran. With `is_fixed` no step can provide what is missing. Otherwise only names that are
// not looked for in the workspace count: programs without a folder, and test runners of python -m.
std::string why_check_cannot_run(const CheckRan& run, bool is_fixed);

// True where the log ends with work that passed the check, or with a run that did: the workspace
// may hold the result already.
bool ends_with_pass(std::span<const Event> events);

// True where the check's first run in the last task, traced or as a call of the model, passed or
// could not start at all. For models that call nothing but the check before their first change.
bool needs_no_repair(std::span<const Event> events);

}  // namespace corvid::runtime
