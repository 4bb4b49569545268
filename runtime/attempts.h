#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <span>
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
  TokenCounts tokens;  // of its last chance
  StopReason reason = StopReason::check_failed;
  bool was_denied = false;
  std::string text;  // the model's last words, or the error's text
};

struct AttemptsResult {
  int tried = 0;
  std::optional<int> winner;
  // The outcome that speaks for all: the winner's; else the lowest one that is unverified; else the
  // lowest failed one, and so on.
  std::optional<int> best;
  std::vector<AttemptOutcome> outcomes;  // by index, those that ran
  std::string why_check_cannot_run;      // see early_check.h: no further attempt was made
};

// The seed of a sampled attempt in a run with `seed`.
inline uint64_t attempt_seed(uint64_t seed, int index) { return seed * 1000003 + uint64_t(index); }

struct AttemptsOptions {
  int count = 1;
  int parallel_max = 2;
  float sampled_temperature = 0.8f;  // of attempts that no candidate tells apart
  std::set<int> finished;            // indexes that an earlier run of this session has seen fail
  std::filesystem::path scratch;     // where the copies are made; empty: the temporary folder
  // A repair often makes a loop that never ends: a check of an attempt has this long at first. The
  // first kSecondChancesMax of those that were cut off run again with kMoreTimeFactor as long (only
  // those below the winner where there is one). When none is verified even then, the lowest that is
  // still cut off gets check_time_max, which no check exceeds.
  std::chrono::milliseconds check_time_first = std::chrono::milliseconds::max();
  std::chrono::milliseconds check_time_max = std::chrono::milliseconds::max();
};
inline constexpr int kSecondChancesMax = 4;
inline constexpr int kMoreTimeFactor = 10;

// Ten times the longest check of the session so far, at least 6 s.
std::chrono::milliseconds first_check_time(std::span<const Event> events);

// What is taken over: the winner's workspace, the state at the fork that all attempts began with,
// and the paths that differ (see apply_changes and conflicts).
struct Winner {
  const tools::Workspace& copy;
  const tools::Workspace& fork;
  std::vector<std::string> changed;
  operator const tools::Workspace&() const { return copy; }
};

// Runs attempts 0 .. count-1 from the point where `shared` stopped before its first write
// (design.md §7): each in its own copy of the workspace, verified on its own. Attempt i takes the
// i-th candidate on offer, else is sampled with a seed of its own, so that it is the same for every
// count. The lowest index that is verified wins; higher ones are then cancelled. The winner's
// changes are left in `apply`'s hands; without a winner the workspace stays as it is. An attempt
// that throws has the status "error"; the first error is thrown only when every attempt had one.
AttemptsResult run_attempts(AgentLoop& shared, const LoopParts& parts, const LoopOptions& options,
                            const AttemptsOptions& attempts,
                            const std::function<void(const Winner& winner)>& apply,
                            std::stop_token stop);

// What the attempts say together: "verified", "unverified" (some pass, but only with changed
// tests), "denied" (no check, and a step was denied), "failed", "limit" (none failed, some reached
// a limit), "error".
std::string attempts_status(const AttemptsResult& result);

// The outcome that `best` names; null where nothing ran.
const AttemptOutcome* best_outcome(const AttemptsResult& result);

}  // namespace corvid::runtime
