// Namespaces, Landlock and seccomp, set up by the separate program corvid-jail.
#include <algorithm>
#include <optional>
#include <utility>

#include "runtime/base/error.h"
#include "sandbox/launch/file_tree.h"
#include "sandbox/launch/jailed.h"
#include "sandbox/launch/proxy.h"
#include "sandbox/sandbox.h"

namespace corvid::sandbox {
namespace {

// The way of one command to the hosts that its profile allows; needs a network namespace.
class CommandProxy {
 public:
  // Tells the jail and the command of it. What the command's environment says already stays.
  CommandProxy(const Profile& profile, jail::Plan& plan) {
    const ProxyRules rules = make_proxy_rules(profile.allowed_hosts, profile.denied_hosts);
    Channel channel = make_channel();
    jails_end_ = std::move(channel.jails);
    proxy_.emplace(rules, std::move(channel.ours), real_world());
    plan.proxy_port = kProxyPort;
    for (std::string& variable : proxy_variables(rules)) {
      const std::string start = variable.substr(0, variable.find('=') + 1);
      const bool is_set =
          std::any_of(plan.environment.begin(), plan.environment.end(),
                      [&](const std::string& each) { return each.starts_with(start); });
      if (!is_set) plan.environment.push_back(std::move(variable));
    }
  }

  int jails_end() const { return jails_end_.get(); }
  std::vector<std::string> stop() { return proxy_->stop(); }

 private:
  Descriptor jails_end_;
  std::optional<Proxy> proxy_;
};

class LinuxSandbox final : public Sandbox {
 public:
  LinuxSandbox(const std::filesystem::path& jail, const LayerReport& report) : jail_(jail) {
    for (const Layer& layer : report.layers) {
      if (layer.name == "landlock") description_ = "namespaces, Landlock " + layer.detail;
    }
    description_ += ", seccomp";
  }

  Outcome run(const Command& command, const Profile& profile, std::stop_token stop) override {
    jail::Plan plan = plan_of(command, profile);
    FileTree tree = make_file_tree(profile);
    plan.mounts = std::move(tree.mounts);
    plan.placeholders = std::move(tree.placeholders);
    if (profile.allow_network || profile.allowed_hosts.empty()) {
      return jail_.run(plan, command, profile, stop);
    }
    CommandProxy proxy(profile, plan);
    Outcome outcome = jail_.run(plan, command, profile, stop, proxy.jails_end());
    for (const std::string& refusal : proxy.stop()) note(outcome, "[network: " + refusal + "]");
    return outcome;
  }

  std::string describe() const override { return description_; }

 private:
  JailProgram jail_;
  std::string description_;
};

}  // namespace

std::unique_ptr<Sandbox> make_linux(const SandboxOptions& options) {
  const std::filesystem::path jail = options.jail.empty() ? find_jail() : options.jail;
  const LayerReport report = detect_layers(jail);
  if (!report.complete() && report.allows_copies()) return make_sandbox("staged", options);
  if (!report.complete()) {
    fail(Code::unsupported, "the sandbox lacks a layer that it needs here:\n" + report.missing());
  }
  return std::make_unique<LinuxSandbox>(jail, report);
}

}  // namespace corvid::sandbox
