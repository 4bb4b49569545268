#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "runtime/agent_loop.h"
#include "runtime/event.h"
#include "tools/workspace.h"

namespace corvid::runtime {

// Where a session's log ends, and what is owed there.
struct CutOff {
  StartPoint from;
  // Calls that were decided, and cut off in the middle; and such that the log does not hold whole.
  std::vector<std::string> interrupted;
  std::set<int> failed_attempts;         // of the last task
  bool has_task = false;  // the last task's message is in the conversation
};

// What a conversation has seen after the harness's check of its result.
void note_check(const CheckRan& check, Seen& seen);

// Files that are not as they were when the model last saw them, sorted.
std::vector<std::string> changed_since_read(const tools::Workspace& workspace,
                                            const tools::ToolState& state);

// Calls that nothing was done about yet are left to the loop (StartPoint::unstarted).
CutOff find_cut_off(std::span<const Event> events);

}  // namespace corvid::runtime
