// Landlock and seccomp alone, for machines whose kernel or container allows no user namespaces.
// Commands work on copies of the folders that hold something protected (Landlock cannot except a
// part of what it allows), have no sockets at all without a network, and see other processes'
// command lines. Changes are brought back when a command has ended.
#include <unistd.h>

#include <optional>

#include "runtime/base/error.h"
#include "sandbox/launch/jailed.h"
#include "sandbox/launch/staged_view.h"
#include "sandbox/sandbox.h"

namespace corvid::sandbox {
namespace {

namespace fs = std::filesystem;

class StagedSandbox final : public Sandbox {
 public:
  StagedSandbox(const SandboxOptions& options, const fs::path& jail, const LayerReport& report)
      : jail_(jail), base_(options.stages), landlock_abi_max_(options.landlock_abi_max) {
    if (base_.empty()) {
      base_ = fs::temp_directory_path() / ("corvid-stages-" + std::to_string(geteuid()));
    }
    sweep_stages(base_);
    for (const Layer& layer : report.layers) {
      if (layer.name == "landlock") description_ = "copies, Landlock " + layer.detail;
    }
    description_ += ", seccomp; no namespaces";
  }

  Outcome run(const Command& command, const Profile& profile, std::stop_token stop) override {
    jail::Plan plan = plan_of(command, profile);
    const StagedView view(profile, base_);
    view.apply_to(plan);
    plan.landlock_abi_max = landlock_abi_max_;
    Command inside = command;
    std::optional<SeenToTold> printed;
    if (command.on_output) {
      printed.emplace(view.output_paths(), command.on_output);
      inside.on_output = [&](std::string_view piece) { printed->take(piece); };
    }
    Outcome outcome = jail_.run(plan, inside, profile, stop);
    if (printed) printed->finish();
    outcome.output = seen_to_told(outcome.output, view.output_paths());
    for (const std::string& name : view.bring_back()) {
      if (!outcome.output.empty() && !outcome.output.ends_with('\n')) outcome.output += '\n';
      outcome.output += "[not brought back: " + name + "]\n";
    }
    return outcome;
  }

  std::string describe() const override { return description_; }

 private:
  JailProgram jail_;
  fs::path base_;
  int landlock_abi_max_;
  std::string description_;
};

}  // namespace

std::unique_ptr<Sandbox> make_staged(const SandboxOptions& options) {
  const fs::path jail = options.jail.empty() ? find_jail() : options.jail;
  const LayerReport report = detect_layers(jail);
  if (!report.allows_copies()) {
    fail(Code::unsupported, "the sandbox lacks a layer that it needs here:\n" + report.missing());
  }
  return std::make_unique<StagedSandbox>(options, jail, report);
}

}  // namespace corvid::sandbox
