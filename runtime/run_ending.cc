#include "runtime/run_ending.h"

#include <algorithm>
#include <set>

#include "runtime/base/text.h"
#include "runtime/early_check.h"

namespace corvid::runtime {
namespace {

std::string cannot_run_text(const std::string& why) {
  return "failed: the check cannot run: " + why +
         "; name a command that works in the sandbox with --verify";
}

std::string unverified_text(const std::vector<std::string>& changed_tests) {
  return "unverified: the check passes only with changed test or build files: " +
         join(changed_tests, ", ");
}

// What a check that fails may have failed for.
std::string without_text(const std::optional<CheckRan>& check) {
  const std::string text = check.has_value() ? left_out_text(*check) : std::string();
  return text.empty() ? text : "; " + text;
}

std::string failed_text(const CheckRan& check) {
  const std::string why = why_check_cannot_run(check, false);
  if (!why.empty()) return cannot_run_text(why) + without_text(check);
  return "failed: the check does not pass (exit code " + std::to_string(check.exit_code) + ")" +
         without_text(check);
}

// What an error kept from its check says nothing of the repair.
std::string errors_text(const AttemptsResult& tried) {
  int count = 0;
  std::string first;
  for (const AttemptOutcome& outcome : tried.outcomes) {
    if (outcome.status != "error") continue;
    if (count++ == 0) first = outcome.text;
  }
  if (count == 0) return "";
  return " (" + std::to_string(count) + " ended with an error: " + first + ")";
}

// How many of the checks had no end of their own.
std::string cut_off_text(const AttemptsResult& tried) {
  const auto count = std::count_if(
      tried.outcomes.begin(), tried.outcomes.end(), [](const AttemptOutcome& outcome) {
        return outcome.check.has_value() && outcome.check->run.timed_out;
      });
  if (count == 0) return {};
  return " (" + std::to_string(count) + " cut off, took too long; see --check-time-max)";
}

// What kept all attempts from an end of their own; empty where they differ.
std::string limit_text(const AttemptsResult& tried) {
  std::set<StopReason> reasons;
  for (const AttemptOutcome& outcome : tried.outcomes) {
    if (outcome.status == "limit") reasons.insert(outcome.reason);
  }
  if (reasons == std::set{StopReason::turn_limit}) return " within its turns (--max-turns)";
  if (reasons == std::set{StopReason::token_limit}) {
    return " within the run's tokens (--max-tokens-total)";
  }
  if (reasons == std::set{StopReason::stuck}) return ": the model repeats itself without progress";
  return " within its limits";
}

}  // namespace

bool ends_failed(StopReason reason, const AgentLoop& loop) {
  const auto& check = loop.last_check();
  return reason == StopReason::stuck && check.has_value() && check->status == CheckStatus::failed;
}

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
      result.message = unverified_text(result.changed_tests);
      break;
    case StopReason::check_failed:
      result.status = "failed";
      result.message = failed_text(*result.check);
      break;
    case StopReason::done:
      result.status = loop.was_denied() ? "denied" : "unverified";
      result.message = loop.last_text().empty() ? "done; no check was asked for" : loop.last_text();
      break;
    case StopReason::turn_limit:
      result.status = "limit";
      result.message =
          "stopped after " + std::to_string(options.turns_max) + " turns (--max-turns)";
      break;
    case StopReason::stuck:
      result.status = ends_failed(reason, loop) ? "failed" : "limit";
      result.message = "stopped: the model repeats itself without progress";
      if (ends_failed(reason, loop)) {
        result.message = failed_text(*result.check) + "; " + result.message;
      }
      break;
    case StopReason::token_limit:
      result.status = "limit";
      result.message = "stopped after " + std::to_string(options.tokens_total_max) +
                       " tokens (--max-tokens-total)";
      break;
    case StopReason::context_full:
      result.status = "limit";
      result.message =
          "stopped: the conversation no longer fits the model's window, and it could not be made "
          "shorter; give smaller steps, or a model with a larger window";
      break;
    case StopReason::before_write:
      break;  // run_fork speaks for it
  }
}

bool settle_early(RunResult& result, const CheckResult& check, bool is_fixed) {
  result.check = check.run;
  result.changed_tests = check.changed_tests;
  const std::string why = why_check_cannot_run(check.run, is_fixed);
  if (check.status == CheckStatus::verified) {
    result.status = "verified";
    result.message = "verified: the check passes in a clean copy; nothing was left to do";
  } else if (check.status == CheckStatus::unverified) {
    result.status = "unverified";
    result.message = unverified_text(result.changed_tests);
  } else if (!why.empty()) {
    result.status = "failed";
    result.message = cannot_run_text(why);
  } else {
    return false;
  }
  return true;
}

void settle_attempts(RunResult& result, const AttemptsResult& tried, int count) {
  result.attempts_winner = tried.winner;
  result.status = attempts_status(tried);
  const AttemptOutcome* best = best_outcome(tried);
  if (best != nullptr && best->check.has_value()) {
    result.check = best->check->run;
    result.changed_tests = best->check->changed_tests;
  }
  const std::string diffs =
      "; the workspace is as it was, the attempts' diffs are shown by: corvid sessions show " +
      result.session;
  if (tried.winner.has_value()) {
    result.message = "verified: attempt " + std::to_string(*tried.winner) + " of " +
                     std::to_string(count) + " passes the check";
  } else if (result.status == "unverified") {
    result.message =
        "unverified: an attempt passes only with changed or added test or build files: " +
        join(result.changed_tests, ", ") + diffs;
  } else if (!tried.why_check_cannot_run.empty()) {
    result.message =
        cannot_run_text(tried.why_check_cannot_run) + without_text(result.check) + diffs;
  } else {
    const bool is_one = tried.tried == 1;
    result.message = (is_one ? "the attempt does not pass the check"
                             : "none of " + std::to_string(tried.tried) +
                                   " attempts passes the check") +
                     cut_off_text(tried) + errors_text(tried) + without_text(result.check) +
                     (result.status == "limit" ? limit_text(tried) : std::string()) + diffs;
  }
}

void count_events(RunResult& result, std::span<const Event> events, int64_t begin) {
  std::set<int> tried;
  for (const Event& event : events) {
    if (event.sequence < begin) continue;
    if (const auto* check = std::get_if<CheckRan>(&event.body)) {
      result.checks_run += check->purpose == "verify";
    } else if (std::holds_alternative<TurnEnded>(event.body)) {
      ++result.turns;
    } else if (const auto* ended = std::get_if<AttemptEnded>(&event.body)) {
      result.tokens += ended->tokens;
      if (ended->status != "cancelled") tried.insert(event.attempt);
    }
  }
  result.attempts_tried = int(tried.size());
}

}  // namespace corvid::runtime
