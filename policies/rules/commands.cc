// Commands that make no sense in the sandbox or that a person should see first. This is advice for
// the model, not protection: the sandbox protects, whatever the words of a command.
#include "policies/rules/rule.h"
#include "policies/shell_words.h"

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

// A command as the rules see it: `sh -c TEXT` is judged part by part where TEXT is plain words.
struct Command {
  std::vector<std::vector<std::string>> parts;
  std::vector<std::string> loose;  // all words of a text that is more than plain words
};

Command command_of(const std::vector<std::string>& argv) {
  const std::string shell = std::filesystem::path(argv[0]).filename().string();
  const bool is_shell = argv.size() == 3 && argv[1] == "-c" && (shell == "sh" || shell == "bash");
  if (!is_shell) return {{argv}, {}};
  if (auto parts = split_shell(argv[2])) return {std::move(*parts), {}};
  return {{leading_words(argv[2])}, loose_words(argv[2])};
}

class CommandsRule final : public Policy {
 public:
  explicit CommandsRule(const PolicyConfig& config)
      : own_(built_in_rules()), file_(config.file.commands), profile_(widest_profile(config)) {}

  Decision decide(const Action& action) const override {
    Decision decision{Verdict::allow, "", profile_};
    if (action.argv.empty()) return decision;
    const Command command = command_of(action.argv);
    for (const CommandRule& rule : own_) judge(rule, command, false, decision);
    for (const CommandRule& rule : file_) judge(rule, command, true, decision);
    if (decision.verdict == Verdict::deny) decision.profile = {};
    return decision;
  }

 private:
  // A person's rule holds wherever its words stand in a text that cannot be taken apart.
  static void judge(const CommandRule& rule, const Command& command, bool is_from_file,
                    Decision& decision) {
    if (rule.verdict >= decision.verdict) return;
    bool holds = is_from_file && stands_anywhere_in(rule, command.loose);
    for (const auto& argv : command.parts) holds = holds || matches(rule, argv);
    if (!holds) return;
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
