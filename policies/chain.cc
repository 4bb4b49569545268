#include "policies/chain.h"

#include <utility>

#include "policies/git_folders.h"
#include "policies/rules/rule.h"
#include "runtime/base/error.h"

namespace corvid::policies {
namespace {

namespace fs = std::filesystem;

void check_root(const fs::path& root) {
  if (!root.is_absolute() || root != root.lexically_normal() || !root.has_filename()) {
    fail(Code::invalid, "not an absolute, normal path of a folder: '" + root.string() + "'");
  }
}

}  // namespace

Chain::Chain(std::vector<std::unique_ptr<Policy>> rules) : rules_(std::move(rules)) {}

Decision Chain::decide(const Action& action) const {
  if (rules_.empty()) return {Verdict::deny, "no policy allows anything here", {}};
  Decision strictest = rules_.front()->decide(action);
  for (size_t i = 1; i < rules_.size(); ++i) {
    Decision decision = rules_[i]->decide(action);
    sandbox::Profile both = sandbox::intersect(std::move(strictest.profile), decision.profile);
    const bool is_first_reason =
        decision.verdict == strictest.verdict && strictest.reason.empty();
    if (decision.verdict < strictest.verdict || is_first_reason) strictest = std::move(decision);
    strictest.profile = std::move(both);
  }
  if (strictest.verdict == Verdict::deny) strictest.profile = {};
  return strictest;
}

Mode parse_mode(std::string_view text) {
  for (const Mode mode : {Mode::read_only, Mode::workspace, Mode::full}) {
    if (text == mode_name(mode)) return mode;
  }
  fail(Code::invalid, "unknown mode '" + std::string(text) + "'; known: read-only workspace full");
}

std::string_view mode_name(Mode mode) {
  switch (mode) {
    case Mode::read_only:
      return "read-only";
    case Mode::workspace:
      return "workspace";
    case Mode::full:
      return "full";
  }
  return "";
}

std::vector<fs::path> protected_names() { return {".git", ".corvid", ".agents"}; }

std::unique_ptr<Policy> make_policy_chain(PolicyConfig config) {
  check_root(config.workspace);
  for (const fs::path& root : config.allow_read) check_root(root);
  // Not allow_read: commands need git's data, tools that read files do not.
  for (const fs::path& folder : git_folders_outside(config.workspace)) {
    config.base.read_roots.push_back(folder);
  }
  return std::make_unique<Chain>(make_rules(config));
}

}  // namespace corvid::policies
