#pragma once

#include "runtime/agent_loop.h"
#include "runtime/run_options.h"
#include "runtime/run_result.h"

namespace corvid::runtime {

// Status, message and check of a run whose loop ended for `reason`, not before a write.
void settle(RunResult& result, StopReason reason, const AgentLoop& loop,
            const RunOptions& options);

}  // namespace corvid::runtime
