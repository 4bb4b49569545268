// What the chosen mode means for actions and for the profile of commands.
#include <algorithm>

#include "policies/rules/rule.h"

namespace corvid::policies {
namespace {

class ModeRule final : public Policy {
 public:
  explicit ModeRule(const PolicyConfig& config)
      : mode_(config.mode), profile_(widest_profile(config)) {}

  Decision decide(const Action& action) const override {
    if (mode_ == Mode::read_only && !action.writes.empty()) {
      return deny("mode read-only: " + action.writes.front().string() +
                  " may not be changed; run with --mode workspace");
    }
    return {Verdict::allow, "", profile_};
  }

 private:
  Mode mode_;
  sandbox::Profile profile_;
};

}  // namespace

sandbox::Profile widest_profile(const PolicyConfig& config) {
  sandbox::Profile profile = config.base;
  if (config.mode == Mode::full) {
    // The home folder as it is, instead of an empty one; what holds credentials stays hidden.
    profile.read_roots = {"/"};
    if (!profile.home.empty()) profile.environment.push_back("HOME=" + profile.home.string());
    profile.home.clear();
    profile.allow_network = true;
  }
  profile.allowed_hosts = config.allow_hosts;
  for (const auto& host : config.file.allow_hosts) profile.allowed_hosts.push_back(host);
  profile.denied_hosts = config.file.deny_hosts;
  for (const auto& root : config.allow_read) profile.read_roots.push_back(root);
  if (config.mode == Mode::read_only) profile.read_roots.push_back(config.workspace);
  else profile.write_roots.push_back(config.workspace);
  for (const auto& name : protected_names()) {
    profile.protected_paths.push_back(config.workspace / name);
  }
  return profile;
}

std::unique_ptr<Policy> make_mode(const PolicyConfig& config) {
  return std::make_unique<ModeRule>(config);
}

}  // namespace corvid::policies
