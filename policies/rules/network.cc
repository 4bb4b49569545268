// Hosts that tools inside Corvid may reach. Commands have no network at all, except in mode full.
#include "policies/rules/rule.h"

namespace corvid::policies {
namespace {

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  while (text.ends_with('.')) text.pop_back();
  return text;
}

// "*.example.org" stands for all hosts beneath example.org, not for itself.
bool fits(const std::string& pattern, const std::string& host) {
  if (!pattern.starts_with("*.")) return pattern == host;
  return host.size() > pattern.size() - 1 && host.ends_with(pattern.substr(1));
}

class NetworkRule final : public Policy {
 public:
  explicit NetworkRule(const PolicyConfig& config)
      : mode_(config.mode), profile_(widest_profile(config)) {
    for (const std::string& host : config.allow_hosts) hosts_.push_back(lower(host));
    for (const std::string& host : config.file.allow_hosts) hosts_.push_back(lower(host));
    for (const std::string& host : config.file.deny_hosts) denied_.push_back(lower(host));
  }

  Decision decide(const Action& action) const override {
    for (const std::string& host : action.hosts) {
      if (!is_allowed(lower(host))) {
        return deny("the host " + host + " is not allowed; allow it with --allow-host");
      }
    }
    return {Verdict::allow, "", profile_};
  }

 private:
  bool is_allowed(const std::string& host) const {
    if (host.empty()) return false;
    for (const std::string& pattern : denied_) {
      if (fits(pattern, host)) return false;
    }
    if (mode_ == Mode::full) return true;
    for (const std::string& pattern : hosts_) {
      if (fits(pattern, host)) return true;
    }
    return false;
  }

  Mode mode_;
  std::vector<std::string> hosts_, denied_;
  sandbox::Profile profile_;
};

}  // namespace

std::unique_ptr<Policy> make_network(const PolicyConfig& config) {
  return std::make_unique<NetworkRule>(config);
}

}  // namespace corvid::policies
