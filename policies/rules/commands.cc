// Commands that make no sense in the sandbox or that a person should see first. This is advice for
// the model, not protection: the sandbox protects, whatever the words of a command.
#include "policies/rules/rule.h"

namespace corvid::policies {
namespace {

struct CommandRule {
  std::vector<std::string> prefix;  // the first words of argv; the first one without its folder
  Verdict verdict;
  const char* reason;
};

const std::vector<CommandRule>& command_rules() {
  static const std::vector<CommandRule> rules = {
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
  return rules;
}

bool matches(const CommandRule& rule, const std::vector<std::string>& argv) {
  if (argv.size() < rule.prefix.size()) return false;
  for (size_t i = 0; i < rule.prefix.size(); ++i) {
    const std::string word = i == 0 ? std::filesystem::path(argv[0]).filename().string() : argv[i];
    if (word != rule.prefix[i]) return false;
  }
  return true;
}

class CommandsRule final : public Policy {
 public:
  explicit CommandsRule(const PolicyConfig& config) : profile_(widest_profile(config)) {}

  Decision decide(const Action& action) const override {
    Decision decision{Verdict::allow, "", profile_};
    if (action.argv.empty()) return decision;
    for (const CommandRule& rule : command_rules()) {
      if (!matches(rule, words(action.argv)) || rule.verdict >= decision.verdict) continue;
      decision.verdict = rule.verdict;
      decision.reason = rule.prefix[0] + ": " + rule.reason;
    }
    if (decision.verdict == Verdict::deny) decision.profile = {};
    return decision;
  }

 private:
  // `sh -c TEXT` is judged by the words of TEXT up to the first that is more than a word.
  static std::vector<std::string> words(const std::vector<std::string>& argv) {
    const std::string shell = std::filesystem::path(argv[0]).filename().string();
    if (argv.size() != 3 || argv[1] != "-c" || (shell != "sh" && shell != "bash")) return argv;
    std::vector<std::string> result;
    for (size_t from = 0; from < argv[2].size();) {
      from = argv[2].find_first_not_of(" \t\n", from);
      if (from == std::string::npos) break;
      const size_t to = std::min(argv[2].find_first_of(" \t\n", from), argv[2].size());
      const std::string word = argv[2].substr(from, to - from);
      if (word.find_first_of("\"'`$;&|<>(){}\\") != std::string::npos) break;
      result.push_back(word);
      from = to;
    }
    return result.empty() ? argv : result;
  }

  sandbox::Profile profile_;
};

}  // namespace

std::unique_ptr<Policy> make_commands(const PolicyConfig& config) {
  return std::make_unique<CommandsRule>(config);
}

}  // namespace corvid::policies
