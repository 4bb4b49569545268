#pragma once

#include "runtime/event.h"

namespace corvid::runtime {

// Masks what has a known shape of a secret in the texts that an event keeps: messages, arguments,
// diffs, outputs, reasons, results. What a resumed run needs to the letter stays as it is: the
// run's options but for the task, the state of the tools, the check's command.
// Session::append does it to every event.
void mask_secrets(EventBody& body);

// True for a call whose arguments were masked when they were logged: it cannot be run from there.
bool is_masked(const ToolCall& call);

}  // namespace corvid::runtime
