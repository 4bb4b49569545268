// Namespaces, Landlock and seccomp, set up by the separate program corvid-jail.
#include "runtime/base/error.h"
#include "sandbox/launch/file_tree.h"
#include "sandbox/launch/jailed.h"
#include "sandbox/sandbox.h"

namespace corvid::sandbox {
namespace {

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
    return jail_.run(plan, command, profile, stop);
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
