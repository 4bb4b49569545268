// What was allowed before a run read text from the web was allowed without knowing that text. From
// then on hosts, files outside of the workspace, and commands with a network need leave again.
#include "policies/rules/rule.h"

namespace corvid::policies {
namespace {

constexpr const char* kWhy = "this run has read text from the web, which may ask for it; ";

// Without all that a person has to allow again.
PolicyConfig narrowed(PolicyConfig config) {
  if (config.mode == Mode::full) config.mode = Mode::workspace;
  config.allow_hosts.clear();
  config.file.allow_hosts = config.file.hosts_after_untrusted;
  return config;
}

class UntrustedRule final : public Policy {
 public:
  explicit UntrustedRule(const PolicyConfig& config)
      : workspace_(config.workspace),
        can_ask_(config.can_ask),
        widest_(widest_profile(config)),
        narrow_(widest_profile(narrowed(config))),
        hosts_(make_network(narrowed(config))) {}

  Decision decide(const Action& action) const override {
    Decision decision{Verdict::allow, "", widest_};
    if (!action.before.has_untrusted) return decision;
    const auto ask = [&](const std::string& what) {
      decision.verdict = Verdict::ask;
      if (decision.reason.empty()) decision.reason = kWhy + what;
    };
    for (const std::string& host : action.hosts) {
      Action one;
      one.hosts = {host};
      if (hosts_->decide(one).verdict != Verdict::allow) {
        ask("reaching the host " + host + " needs a person's leave");
      }
    }
    for (const auto* paths : {&action.writes, &action.reads}) {
      for (const std::filesystem::path& path : *paths) {
        if (sandbox::is_beneath(path, workspace_)) continue;
        ask(path.string() + " is outside of the workspace and needs a person's leave");
      }
    }
    if (action.argv.empty() || narrow_ == widest_) return decision;
    // What is typed into a command that runs already has the network of that one.
    const bool may_be_typed = action.tool == "process";
    if (can_ask_ || may_be_typed) {
      ask("a command that could reach the network needs a person's leave");
    } else {
      // Most commands need no network, and nobody is there to be asked about those that do.
      decision.profile = narrow_;
      if (decision.reason.empty()) {
        decision.reason = kWhy + std::string("the command has no network, as in mode workspace");
      }
    }
    return decision;
  }

 private:
  std::filesystem::path workspace_;
  bool can_ask_;
  sandbox::Profile widest_, narrow_;
  std::unique_ptr<Policy> hosts_;
};

}  // namespace

std::unique_ptr<Policy> make_untrusted(const PolicyConfig& config) {
  return std::make_unique<UntrustedRule>(config);
}

}  // namespace corvid::policies
