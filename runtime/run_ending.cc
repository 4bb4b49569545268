#include "runtime/run_ending.h"

#include "runtime/base/text.h"

namespace corvid::runtime {

void settle(RunResult& result, StopReason reason, const AgentLoop& loop,
            const RunOptions& options) {
  if (loop.last_check().has_value()) {
    result.check = loop.last_check()->run;
    result.changed_tests = loop.last_check()->changed_tests;
  }
  switch (reason) {
    case StopReason::verified:
      result.status = "verified";
      result.message = "verified: the check passes in a clean copy";
      break;
    case StopReason::unverified:
      result.status = "unverified";
      result.message = "unverified: the check passes only with changed test or build files: " +
                       join(result.changed_tests, ", ");
      break;
    case StopReason::check_failed:
      result.status = "failed";
      result.message = "failed: the check does not pass (exit code " +
                       std::to_string(result.check.has_value() ? result.check->exit_code : 1) + ")";
      break;
    case StopReason::done:
      result.status = loop.was_denied() ? "denied" : "unverified";
      result.message = loop.last_text().empty() ? "done; no check was asked for" : loop.last_text();
      break;
    case StopReason::turn_limit:
    case StopReason::stuck:
      result.status = "limit";
      result.message =
          reason == StopReason::stuck
              ? "stopped: the model repeats itself without progress"
              : "stopped after " + std::to_string(options.turns_max) + " turns (--max-turns)";
      break;
    case StopReason::token_limit:
      result.status = "limit";
      result.message = "stopped after " + std::to_string(options.tokens_total_max) +
                       " tokens (--max-tokens-total)";
      break;
    case StopReason::before_write:
      break;  // run_fork speaks for it
  }
}

}  // namespace corvid::runtime
