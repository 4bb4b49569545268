#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "runtime/agent_loop.h"

namespace corvid::runtime {

struct AttemptOutcome {
  int index = 0;
  std::string status;  // verified, unverified, failed, limit, cancelled, error
  std::optional<CheckResult> check;
  std::string diff;
  TokenCounts tokens;
  int turns = 0;
  bool was_denied = false;
  std::string text;  // the model's last words
};

struct AttemptsResult {
  int tried = 0;
  std::optional<int> winner;
  std::vector<AttemptOutcome> outcomes;  // by index, those that ran
  TokenCounts tokens;                    // of all attempts
};

struct AttemptsOptions {
  int count = 1;
  int parallel_max = 2;
  float sampled_temperature = 0.8f;  // of attempts that no candidate tells apart
  std::vector<int> finished;         // indexes that an earlier run of this session has seen fail
};

// Runs attempts 0 .. count-1 from the point where `shared` stopped before its first write
// (design.md §7): each in its own copy of the workspace, verified on its own. Attempt i takes the
// i-th candidate on offer, else is sampled with a seed of its own, so that it is the same for every
// count. The lowest index that is verified wins; higher ones are then cancelled. The winner's
// changes are left in `apply`'s hands; without a winner the workspace stays as it is.
AttemptsResult run_attempts(AgentLoop& shared, const LoopParts& parts, const LoopOptions& options,
                            const AttemptsOptions& attempts,
                            const std::function<void(const tools::Workspace& winner)>& apply,
                            std::stop_token stop);

}  // namespace corvid::runtime
