#include "runtime/attempts.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include "runtime/base/error.h"
#include "runtime/base/log.h"
#include "runtime/clean_copy.h"
#include "runtime/early_check.h"
#include "runtime/run_ending.h"

namespace corvid::runtime {
namespace {

std::string status_of(StopReason reason) {
  switch (reason) {
    case StopReason::verified:
      return "verified";
    case StopReason::unverified:
    case StopReason::done:
      return "unverified";
    case StopReason::turn_limit:
    case StopReason::token_limit:
    case StopReason::context_full:
    case StopReason::stuck:
      return "limit";
    case StopReason::check_failed:
    case StopReason::before_write:
      return "failed";
  }
  return "failed";
}

// One attempt's life; its workspace copy stays until the runner has decided.
struct Attempt {
  std::unique_ptr<WorkingCopy> copy;  // reset once only the outcome is needed
  std::optional<tools::Workspace> workspace;
  std::vector<std::string> changed;
  AttemptOutcome outcome;
  std::exception_ptr error;
};

class Runner {
 public:
  Runner(AgentLoop& shared, const LoopParts& parts, const LoopOptions& options,
         const AttemptsOptions& attempts)
      : shared_(shared),
        parts_(parts),
        options_(options),
        attempts_(attempts),
        rule_(parts.workspace),
        fork_copy_(parts.workspace, attempts.scratch),
        fork_(fork_copy_.root(), parts.workspace.shown_as()) {
    const size_t choice_count = shared.state().choices.size();
    count_ = attempts.count;
    if (choice_count != 0) count_ = std::min(count_, int(choice_count));
    first_ = shared.take_pending();
    stops_.resize(size_t(count_));
    for (int index = 0; index < count_; ++index) {
      if (!attempts_.finished.contains(index)) queue_.push_back(index);
    }
    check_time_ = std::min(attempts_.check_time_first, attempts_.check_time_max);
  }

  // Those whose check was cut off get more time: some, those before the winner too, so that a busy
  // machine does not decide; all that it may take when every attempt has failed, but only one, for
  // most of them never end. False when there are none.
  bool begin_next_round(std::stop_token stop) {
    if (check_time_ == attempts_.check_time_max) return false;
    if (fatal_ || stop.stop_requested() || (round_ > 0 && winner_.has_value())) return false;
    ++round_;
    check_time_ = round_ == 1 ? std::min(attempts_.check_time_first * kMoreTimeFactor,
                                         attempts_.check_time_max)
                              : attempts_.check_time_max;
    const int chances = round_ == 1 ? kSecondChancesMax : 1;
    queue_.clear();
    next_ = 0;
    for (const auto& [index, attempt] : done_) {
      if (winner_.has_value() && index > *winner_) break;
      const auto& check = attempt->outcome.check;
      const bool was_cut_off = check.has_value() && check->run.timed_out;
      if (was_cut_off && int(queue_.size()) < chances) queue_.push_back(index);
    }
    return !queue_.empty();
  }

  void work(std::stop_token stop) {
    for (size_t at = next_++; at < queue_.size(); at = next_++) {
      const int index = queue_[at];
      {
        const std::scoped_lock guard(mutex_);
        if (winner_.has_value() && *winner_ < index) return;
        if (fatal_ || stop.stop_requested() || !why_check_cannot_run_.empty()) return;
      }
      auto attempt = std::make_unique<Attempt>();
      attempt->outcome.index = index;
      try {
        run_one(index, *attempt, stop);
      } catch (const std::exception& error) {
        const auto* own = dynamic_cast<const Error*>(&error);
        const bool is_cancelled = own != nullptr && own->code() == Code::cancelled;
        attempt->outcome.status = is_cancelled ? "cancelled" : "error";
        if (!is_cancelled) attempt->outcome.text = error.what();
        if (!is_cancelled) attempt->error = std::current_exception();
      }
      try {
        settle(index, std::move(attempt));
      } catch (const std::exception&) {  // the session's log cannot be written
        const std::scoped_lock guard(mutex_);
        if (!fatal_) fatal_ = std::current_exception();
        return;
      }
    }
  }

  AttemptsResult finish(const std::function<void(const Winner&)>& apply, std::stop_token stop) {
    if (!winner_.has_value()) {
      if (fatal_) std::rethrow_exception(fatal_);
      if (stop.stop_requested()) fail(Code::cancelled, "cancelled");
      rethrow_if_all_failed();
    }
    AttemptsResult result;
    result.winner = winner_;
    result.why_check_cannot_run = why_check_cannot_run_;
    if (winner_.has_value()) {
      const Attempt& winner = *done_.at(*winner_);
      apply(Winner{*winner.workspace, fork_, winner.changed});
    }
    for (auto& [index, attempt] : done_) {
      if (attempt->outcome.status != "cancelled") ++result.tried;
      result.outcomes.push_back(attempt->outcome);
    }
    result.best = winner_.has_value() ? winner_ : find_best(result.outcomes);
    return result;
  }

 private:
  static std::optional<int> find_best(const std::vector<AttemptOutcome>& outcomes) {
    for (const char* status : {"unverified", "failed", "limit", "error", "cancelled"}) {
      for (const AttemptOutcome& outcome : outcomes) {
        if (outcome.status == status) return outcome.index;
      }
    }
    return std::nullopt;
  }

  void rethrow_if_all_failed() const {
    if (done_.empty() || !attempts_.finished.empty()) return;
    for (const auto& [index, attempt] : done_) {
      if (!attempt->error) return;
    }
    std::rethrow_exception(done_.begin()->second->error);
  }

  void run_one(int index, Attempt& attempt, std::stop_token stop) {
    std::unique_ptr<Provider> provider;
    std::optional<Reply> first;
    tools::ToolState state;
    LoopOptions options = options_;
    std::stop_source own;
    {
      const std::scoped_lock guard(mutex_);
      stops_[size_t(index)] = own;
      if (winner_.has_value() && *winner_ < index) own.request_stop();
      state = shared_.state();
      // Attempt 0 is the greedy one: it goes on with the very reply that brought us here.
      if (index == 0 && first_.has_value()) {
        first = std::exchange(first_, std::nullopt);
        provider = shared_.take_provider();
      } else {
        const std::string name = "main.a" + std::to_string(index);
        provider = shared_.fork_before_reply(
            done_.contains(index) ? name + std::string(1, char('a' + round_)) : name);
      }
    }
    const std::stop_callback forward(stop, [&own] { own.request_stop(); });
    options.attempt = index;
    options.stop_before_write = false;
    options.check_time_max = check_time_;
    // Afterwards it goes on with the choices behind its own, whatever the number of attempts.
    options.reserved_choices = size_t(index) + 1;
    if (size_t(index) < state.choices.size()) {
      options.first_choice = state.choices[size_t(index)].id;
    } else if (index > 0) {
      options.temperature = attempts_.sampled_temperature;
      options.seed = attempt_seed(options_.seed, index);
    }
    parts_.session.append(AttemptStarted{options.first_choice}, index);
    attempt.copy = std::make_unique<WorkingCopy>(fork_, attempts_.scratch);
    attempt.workspace.emplace(attempt.copy->root(), parts_.workspace.shown_as());
    AgentLoop loop(parts_for(*attempt.workspace), options, std::move(provider));
    loop.set_pending(std::move(first));
    StartPoint from;
    from.state = std::move(state);
    from.before = shared_.before();
    from.was_denied = shared_.was_denied();
    from.turns_done = shared_.turns();
    conclude(attempt, loop, std::move(from), own.get_token());
  }

  LoopParts parts_for(const tools::Workspace& workspace) const {
    return {.session = parts_.session,
            .toolbox = parts_.toolbox,
            .policy = parts_.policy,
            .sandbox = parts_.sandbox,
            .memory = parts_.memory,
            .workspace = workspace,
            .profile = parts_.profile,
            .checker = parts_.checker,
            .edit_ranker = parts_.edit_ranker,
            .rank_edits = parts_.rank_edits,
            .edit_ranking = parts_.edit_ranking,
            .check_command = parts_.check_command,
            .evidence = parts_.evidence,
            .tokens_left = parts_.tokens_left,
            .before_change = {},
            .after_change = {},
            .approve = {},
            .ask = {},
            .hooks = parts_.hooks};
  }

  void conclude(Attempt& attempt, AgentLoop& loop, StartPoint from, std::stop_token stop) {
    AttemptOutcome& outcome = attempt.outcome;
    struct Bookkeeping {  // also when the loop throws
      AttemptOutcome& outcome;
      const AgentLoop& loop;
      ~Bookkeeping() {
        outcome.check = loop.last_check();
        outcome.tokens = loop.tokens();
        outcome.was_denied = loop.was_denied();
        outcome.text = loop.last_text();
      }
    } bookkeeping{outcome, loop};
    outcome.reason = loop.run(std::move(from), stop);
    outcome.status = ends_failed(outcome.reason, loop) ? "failed" : status_of(outcome.reason);
  }

  void settle(int index, std::unique_ptr<Attempt> attempt) {
    AttemptOutcome& outcome = attempt->outcome;
    if (attempt->workspace.has_value()) {
      attempt->changed = changed_files_between(rule_, fork_, *attempt->workspace);
      outcome.diff = changes_diff(fork_, *attempt->workspace, attempt->changed);
    }
    if (outcome.status == "error") {
      log::warning("attempts", "an attempt ended with an error",
                   {{"attempt", std::to_string(index)}, {"error", outcome.text}});
    }
    parts_.session.append(AttemptEnded{outcome.status, outcome.diff, outcome.tokens}, index);
    const std::scoped_lock guard(mutex_);
    if (outcome.status == "verified" && (!winner_.has_value() || index < *winner_)) {
      winner_ = index;
      for (size_t other = size_t(index) + 1; other < stops_.size(); ++other) {
        stops_[other].request_stop();
      }
    }
    if (outcome.status != "verified") {
      attempt->workspace.reset();
      attempt->copy.reset();
    }
    if (why_check_cannot_run_.empty() && outcome.check.has_value()) {
      why_check_cannot_run_ =
          why_check_cannot_run(outcome.check->run, parts_.profile.calls_required);
    }
    // A further chance that did not come to its check says nothing.
    const bool has_ended = outcome.status == "verified" || outcome.status == "unverified" ||
                           outcome.status == "failed";
    if (!has_ended && done_.contains(index)) return;
    done_[index] = std::move(attempt);
  }

  AgentLoop& shared_;
  const LoopParts& parts_;
  const LoopOptions& options_;
  const AttemptsOptions& attempts_;
  const KeptRule rule_;
  const WorkingCopy fork_copy_;
  const tools::Workspace fork_;  // the workspace as every attempt finds it
  int count_ = 0;
  std::vector<int> queue_;  // attempts to be made, in order
  std::chrono::milliseconds check_time_ = std::chrono::milliseconds::max();
  int round_ = 0;  // chances that attempts have had before
  std::atomic<size_t> next_{0};
  std::mutex mutex_;  // protects what follows
  std::optional<Reply> first_;
  std::vector<std::stop_source> stops_;
  std::optional<int> winner_;
  std::string why_check_cannot_run_;
  std::map<int, std::unique_ptr<Attempt>> done_;
  std::exception_ptr fatal_;
};

}  // namespace

AttemptsResult run_attempts(AgentLoop& shared, const LoopParts& parts, const LoopOptions& options,
                            const AttemptsOptions& attempts,
                            const std::function<void(const Winner&)>& apply, std::stop_token stop) {
  Runner runner(shared, parts, options, attempts);
  do {
    std::vector<std::jthread> workers;
    const int parallel = std::max(1, std::min(attempts.parallel_max, attempts.count));
    for (int i = 1; i < parallel; ++i) workers.emplace_back([&] { runner.work(stop); });
    runner.work(stop);
  } while (runner.begin_next_round(stop));
  return runner.finish(apply, stop);
}

std::chrono::milliseconds first_check_time(std::span<const Event> events) {
  int64_t longest_ms = 0;
  for (const Event& event : events) {
    const auto* check = std::get_if<CheckRan>(&event.body);
    if (check != nullptr && !check->timed_out) longest_ms = std::max(longest_ms, check->ms);
  }
  if (longest_ms == 0) return std::chrono::milliseconds::max();
  return std::chrono::milliseconds(std::max<int64_t>(6'000, 10 * longest_ms));
}

const AttemptOutcome* best_outcome(const AttemptsResult& result) {
  for (const AttemptOutcome& outcome : result.outcomes) {
    if (result.best == outcome.index) return &outcome;
  }
  return nullptr;
}

std::string attempts_status(const AttemptsResult& result) {
  const AttemptOutcome* best = best_outcome(result);
  if (best == nullptr) return "failed";
  const bool has_no_check = best->status == "unverified" && !best->check.has_value();
  return has_no_check && best->was_denied ? "denied" : best->status;
}

}  // namespace corvid::runtime
