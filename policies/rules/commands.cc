// Commands that make no sense in the sandbox or that a person should see first. This is advice for
// the model, not protection: the sandbox protects, whatever the words of a command.
#include "policies/rules/rule.h"
#include "policies/what_runs.h"

namespace corvid::policies {
namespace {

struct BuiltIn {
  std::vector<const char*> prefix;
  Verdict verdict;
  const char* reason;
};

std::vector<CommandRule> built_in_rules() {
  static const std::vector<BuiltIn> rules = {
      {{"sudo"}, Verdict::deny, "privileges cannot be raised in the sandbox; work without sudo"},
      {{"su"}, Verdict::deny, "privileges cannot be raised in the sandbox; work without su"},
      {{"doas"}, Verdict::deny, "privileges cannot be raised in the sandbox"},
      {{"pkexec"}, Verdict::deny, "privileges cannot be raised in the sandbox"},
      {{"shutdown"}, Verdict::deny, "the machine is not to be stopped"},
      {{"reboot"}, Verdict::deny, "the machine is not to be stopped"},
      {{"poweroff"}, Verdict::deny, "the machine is not to be stopped"},
      {{"halt"}, Verdict::deny, "the machine is not to be stopped"},
      {{"mkfs"}, Verdict::deny, "no file system is to be made"},
      {{"docker"}, Verdict::deny, "container engines cannot be reached from the sandbox"},
      {{"podman"}, Verdict::deny, "container engines cannot be reached from the sandbox"},
      {{"git", "push"}, Verdict::ask, "publishing is a person's decision"},
      {{"npm", "publish"}, Verdict::ask, "publishing is a person's decision"},
      {{"cargo", "publish"}, Verdict::ask, "publishing is a person's decision"},
      {{"twine", "upload"}, Verdict::ask, "publishing is a person's decision"},
      {{"gh"}, Verdict::ask, "it acts in a person's name"},
  };
  std::vector<CommandRule> made;
  for (const BuiltIn& rule : rules) {
    CommandRule& added = made.emplace_back();
    for (const char* word : rule.prefix) added.prefix.push_back({word});
    added.verdict = rule.verdict;
    added.reason = std::string(rule.prefix[0]) + ": " + rule.reason;
    added.origin = "built in";
  }
  return made;
}

class CommandsRule final : public Policy {
 public:
  explicit CommandsRule(const PolicyConfig& config)
      : own_(built_in_rules()), file_(config.file.commands), profile_(widest_profile(config)) {}

  Decision decide(const Action& action) const override {
    Decision decision{Verdict::allow, "", profile_};
    if (action.argv.empty()) return decision;
    const WhatRuns runs = runs_of(action.argv);
    for (const CommandRule& rule : own_) judge(rule, runs, false, decision);
    for (const CommandRule& rule : file_) judge(rule, runs, true, decision);
    if (decision.verdict == Verdict::deny) decision.profile = {};
    return decision;
  }

 private:
  // The shell of a tool is not what the rules are about.
  static WhatRuns runs_of(const std::vector<std::string>& argv) {
    const bool is_text = argv.size() == 3 && argv[0] == "/bin/sh" && argv[1] == "-c";
    return is_text ? what_runs(argv[2]) : what_runs(argv);
  }

  // A person's rule holds wherever its words stand in a text that cannot be taken apart.
  static void judge(const CommandRule& rule, const WhatRuns& runs, bool is_from_file,
                    Decision& decision) {
    if (rule.verdict >= decision.verdict || !holds(rule, runs, is_from_file)) return;
    decision.verdict = rule.verdict;
    decision.reason = rule.reason.empty() ? "forbidden" : rule.reason;
    if (is_from_file) decision.reason += " (" + rule.origin + ")";
  }

  std::vector<CommandRule> own_, file_;
  sandbox::Profile profile_;
};

}  // namespace

std::unique_ptr<Policy> make_commands(const PolicyConfig& config) {
  return std::make_unique<CommandsRule>(config);
}

}  // namespace corvid::policies
