// How many calls of a class one run may make. Those beyond need a person's leave.
#include "policies/rules/rule.h"

namespace corvid::policies {
namespace {

class BudgetRule final : public Policy {
 public:
  explicit BudgetRule(const PolicyConfig& config)
      : budget_(config.file.budget), profile_(widest_profile(config)) {}

  Decision decide(const Action& action) const override {
    Decision decision{Verdict::allow, "", profile_};
    const Before& done = action.before;
    if (!action.argv.empty()) judge(budget_.commands, done.commands, "commands", decision);
    if (!action.writes.empty()) judge(budget_.writes, done.writes, "writes", decision);
    if (!action.hosts.empty()) judge(budget_.requests, done.requests, "requests", decision);
    return decision;
  }

 private:
  void judge(const std::optional<int64_t>& count_max, int64_t done, const char* name,
             Decision& decision) const {
    if (!count_max || done < *count_max || decision.verdict != Verdict::allow) return;
    decision.verdict = Verdict::ask;
    decision.reason = "the run's budget of " + std::to_string(*count_max) + " " + name +
                      " is used up (" + budget_.origin + ")";
  }

  Budget budget_;
  sandbox::Profile profile_;
};

}  // namespace

std::unique_ptr<Policy> make_budget(const PolicyConfig& config) {
  return std::make_unique<BudgetRule>(config);
}

}  // namespace corvid::policies
