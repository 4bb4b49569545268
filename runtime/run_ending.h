#pragma once

#include <span>

#include "runtime/agent_loop.h"
#include "runtime/attempts.h"
#include "runtime/run_options.h"
#include "runtime/run_result.h"

namespace corvid::runtime {

// True for a loop that stopped because the model repeats itself after a check that failed: it is
// the check's verdict that counts.
bool ends_failed(StopReason reason, const AgentLoop& loop);

// Status, message and check of a run whose loop ended for `reason`, not before a write.
void settle(RunResult& result, StopReason reason, const AgentLoop& loop,
            const RunOptions& options);

// The same where the check ran before the model went on. False: the run goes on, and only the check
// is filled in. `is_fixed` as in early_check.h.
bool settle_early(RunResult& result, const CheckResult& check, bool is_fixed);

// The same of `count` attempts.
void settle_attempts(RunResult& result, const AttemptsResult& tried, int count);

// Turns, checks, attempts and their tokens, from the events of the log from number `begin` on.
void count_events(RunResult& result, std::span<const Event> events, int64_t begin);

}  // namespace corvid::runtime
