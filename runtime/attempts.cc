#include "runtime/attempts.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include "runtime/base/error.h"
#include "runtime/clean_copy.h"
#include "tools/diff.h"

namespace corvid::runtime {
namespace {

// Changes of a copy against the workspace it was made from.
std::string copy_diff(const tools::Workspace& workspace, const tools::Workspace& copy) {
  std::string diff;
  std::vector<std::string> paths = workspace.files(), others = copy.files();
  paths.insert(paths.end(), others.begin(), others.end());
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  for (const std::string& path : paths) {
    const std::string before = workspace.read(path).value_or("");
    const std::string after = copy.read(path).value_or("");
    if (before != after) diff += tools::unified_diff(path, before, after);
  }
  return diff;
}

std::string status_of(StopReason reason) {
  switch (reason) {
    case StopReason::verified:
      return "verified";
    case StopReason::unverified:
    case StopReason::done:
      return "unverified";
    case StopReason::turn_limit:
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
  explicit Attempt(const tools::Workspace& original)
      : copy(std::make_unique<WorkingCopy>(original)),
        workspace(copy->root(), original.shown_as()) {}
  std::unique_ptr<WorkingCopy> copy;  // reset once only the outcome is needed
  tools::Workspace workspace;
  AttemptOutcome outcome;
};

class Runner {
 public:
  Runner(AgentLoop& shared, const LoopParts& parts, const LoopOptions& options,
         const AttemptsOptions& attempts)
      : shared_(shared), parts_(parts), options_(options), attempts_(attempts) {
    const size_t choice_count = shared.state().choices.size();
    count_ = attempts.count;
    if (choice_count != 0) count_ = std::min(count_, int(choice_count));
    first_ = shared.take_pending();
    stops_.resize(size_t(count_));
  }

  void work(std::stop_token stop) {
    for (int index = next_++; index < count_; index = next_++) {
      {
        const std::scoped_lock guard(mutex_);
        if (winner_.has_value() && *winner_ < index) return;
        if (error_ || stop.stop_requested()) return;
      }
      if (std::count(attempts_.finished.begin(), attempts_.finished.end(), index) != 0) continue;
      try {
        run_one(index, stop);
      } catch (const std::exception&) {
        const std::scoped_lock guard(mutex_);
        if (!error_) error_ = std::current_exception();
        return;
      }
    }
  }

  AttemptsResult finish(const std::function<void(const tools::Workspace&)>& apply,
                        std::stop_token stop) {
    if (error_) std::rethrow_exception(error_);
    if (stop.stop_requested() && !winner_.has_value()) fail(Code::cancelled, "cancelled");
    AttemptsResult result;
    result.winner = winner_;
    if (winner_.has_value()) apply(done_.at(*winner_)->workspace);
    for (auto& [index, attempt] : done_) {
      result.tokens += attempt->outcome.tokens;
      if (attempt->outcome.status != "cancelled") ++result.tried;
      result.outcomes.push_back(attempt->outcome);
    }
    return result;
  }

 private:
  void run_one(int index, std::stop_token stop) {
    std::unique_ptr<Provider> provider;
    std::optional<Reply> first;
    tools::ToolState state;
    LoopOptions options = options_;
    std::stop_source own;
    {
      const std::scoped_lock guard(mutex_);
      stops_[size_t(index)] = own;
      state = shared_.state();
      // Attempt 0 is the greedy one: it goes on with the very reply that brought us here.
      if (index == 0 && first_.has_value()) {
        first = std::exchange(first_, std::nullopt);
        provider = shared_.take_provider();
      } else {
        provider = shared_.fork_before_reply();
      }
    }
    const std::stop_callback forward(stop, [&own] { own.request_stop(); });
    options.attempt = index;
    options.stop_before_write = false;
    options.reserved_choices = size_t(count_);
    if (size_t(index) < state.choices.size()) {
      options.first_choice = state.choices[size_t(index)].id;
    } else if (index > 0) {
      options.temperature = attempts_.sampled_temperature;
      options.seed = options_.seed * 1000003 + uint64_t(index);
    }
    parts_.session.append(AttemptStarted{options.first_choice}, index);
    auto attempt = std::make_unique<Attempt>(parts_.workspace);
    attempt->outcome.index = index;
    LoopParts parts = parts_for(attempt->workspace);
    AgentLoop loop(std::move(parts), options, std::move(provider));
    loop.set_pending(std::move(first));
    StartPoint from;
    from.state = std::move(state);
    from.turns_done = shared_.turns();
    conclude(*attempt, loop, std::move(from), own.get_token());
    settle(index, std::move(attempt));
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
            .before_change = {},
            .after_change = {}};
  }

  void conclude(Attempt& attempt, AgentLoop& loop, StartPoint from, std::stop_token stop) {
    AttemptOutcome& outcome = attempt.outcome;
    try {
      outcome.status = status_of(loop.run(std::move(from), stop));
    } catch (const Error& error) {
      outcome.status = error.code() == Code::cancelled ? "cancelled" : "error";
      if (error.code() != Code::cancelled) {
        const std::scoped_lock guard(mutex_);
        if (!error_) error_ = std::current_exception();
      }
    }
    outcome.check = loop.last_check();
    outcome.tokens = loop.tokens();
    outcome.turns = loop.turns();
    outcome.was_denied = loop.was_denied();
    outcome.text = loop.last_text();
    outcome.diff = copy_diff(parts_.workspace, attempt.workspace);
  }

  void settle(int index, std::unique_ptr<Attempt> attempt) {
    parts_.session.append(
        AttemptEnded{attempt->outcome.status, attempt->outcome.diff, attempt->outcome.tokens},
        index);
    const std::scoped_lock guard(mutex_);
    if (attempt->outcome.status == "verified" && (!winner_.has_value() || index < *winner_)) {
      winner_ = index;
      for (size_t other = size_t(index) + 1; other < stops_.size(); ++other) {
        stops_[other].request_stop();
      }
    }
    if (attempt->outcome.status != "verified") attempt->copy.reset();
    done_[index] = std::move(attempt);
  }

  AgentLoop& shared_;
  const LoopParts& parts_;
  const LoopOptions& options_;
  const AttemptsOptions& attempts_;
  int count_ = 0;
  std::atomic<int> next_{0};
  std::mutex mutex_;  // protects what follows
  std::optional<Reply> first_;
  std::vector<std::stop_source> stops_;
  std::optional<int> winner_;
  std::map<int, std::unique_ptr<Attempt>> done_;
  std::exception_ptr error_;
};

}  // namespace

AttemptsResult run_attempts(AgentLoop& shared, const LoopParts& parts, const LoopOptions& options,
                            const AttemptsOptions& attempts,
                            const std::function<void(const tools::Workspace&)>& apply,
                            std::stop_token stop) {
  Runner runner(shared, parts, options, attempts);
  {
    std::vector<std::jthread> workers;
    const int parallel = std::max(1, std::min(attempts.parallel_max, attempts.count));
    for (int i = 1; i < parallel; ++i) workers.emplace_back([&] { runner.work(stop); });
    runner.work(stop);
  }
  return runner.finish(apply, stop);
}

}  // namespace corvid::runtime
