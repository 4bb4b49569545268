// Hosts that may be reached: by tools inside Corvid themselves, by commands through the proxy of
// their sandbox. Only in mode full have commands the network itself.
#include "policies/rules/rule.h"
#include "runtime/base/text.h"
#include "sandbox/hosts.h"

namespace corvid::policies {
namespace {

using sandbox::HostPort;
using sandbox::HostRule;

class NetworkRule final : public Policy {
 public:
  explicit NetworkRule(const PolicyConfig& config)
      : mode_(config.mode), profile_(widest_profile(config)) {
    for (const std::string& text : profile_.allowed_hosts) {
      allowed_.push_back(sandbox::host_rule(text));
    }
    for (const std::string& text : profile_.denied_hosts) {
      denied_.push_back(sandbox::host_rule(text));
    }
  }

  Decision decide(const Action& action) const override {
    for (const std::string& text : action.hosts) {
      const auto target = sandbox::parse_host_port(text);
      if (!target) return deny("'" + printable(text) + "' is no host");
      if (is_any(denied_, *target)) {
        return deny("the host " + text + " is denied by a rule of the policy file");
      }
      if (mode_ != Mode::full && !is_any(allowed_, *target)) {
        return deny("the host " + text + " is not allowed; allow it with --allow-host " + text);
      }
    }
    return {Verdict::allow, "", profile_};
  }

 private:
  // A rule without a port stands for all of them, an action without one for http's and https's.
  static bool is_any(const std::vector<HostRule>& rules, const HostPort& target) {
    for (const HostRule& rule : rules) {
      const bool is_usual = target.port == 0 && (rule.port == 80 || rule.port == 443);
      if ((rule.port == 0 || rule.port == target.port || is_usual) && rule.fits(target.host)) {
        return true;
      }
    }
    return false;
  }

  Mode mode_;
  sandbox::Profile profile_;
  std::vector<HostRule> allowed_, denied_;
};

}  // namespace

std::unique_ptr<Policy> make_network(const PolicyConfig& config) {
  return std::make_unique<NetworkRule>(config);
}

}  // namespace corvid::policies
