// Where files may be read and written by tools that run inside Corvid. What commands may touch is
// the sandbox's matter.
#include <algorithm>

#include "policies/rules/rule.h"

namespace corvid::policies {
namespace {

namespace fs = std::filesystem;

class PathsRule final : public Policy {
 public:
  explicit PathsRule(const PolicyConfig& config)
      : config_(config), profile_(widest_profile(config)) {}

  Decision decide(const Action& action) const override {
    for (const fs::path& path : action.writes) {
      if (std::string why = why_not_write(path); !why.empty()) return deny(std::move(why));
    }
    for (const fs::path& path : action.reads) {
      if (std::string why = why_not_read(path); !why.empty()) return deny(std::move(why));
    }
    Decision decision{Verdict::allow, "", profile_};
    for (const PathRule& rule : config_.file.paths) {
      if (rule.covers_writes) judge(rule, action.writes, decision);
      if (rule.covers_reads) judge(rule, action.reads, decision);
    }
    if (decision.verdict == Verdict::deny) decision.profile = {};
    return decision;
  }

 private:
  void judge(const PathRule& rule, const std::vector<fs::path>& paths, Decision& decision) const {
    for (const fs::path& path : paths) {
      const std::string relative = path.lexically_relative(config_.workspace).string();
      if (rule.verdict >= decision.verdict || !matches(rule, relative)) continue;
      decision.verdict = rule.verdict;
      decision.reason = path.string() + ": " + (rule.reason.empty() ? "forbidden" : rule.reason) +
                        " (" + rule.origin + ")";
    }
  }

  static bool is_clean(const fs::path& path) {
    return path.is_absolute() && path == path.lexically_normal();
  }

  std::string why_not_write(const fs::path& path) const {
    if (!is_clean(path)) return "not an absolute, normal path: " + path.string();
    if (path == config_.workspace || !sandbox::is_beneath(path, config_.workspace)) {
      return path.string() + " is outside of the workspace " + config_.workspace.string();
    }
    for (const fs::path& part : path.lexically_relative(config_.workspace)) {
      // Git data of nested repositories too; names compare without case, as some file systems do.
      if (lower(part.string()) == ".git") return path.string() + " is git's own data";
    }
    for (const fs::path& name : protected_names()) {
      if (sandbox::is_beneath(lower(path.string()), lower((config_.workspace / name).string()))) {
        return path.string() + " is protected";
      }
    }
    return "";
  }

  std::string why_not_read(const fs::path& path) const {
    if (!is_clean(path)) return "not an absolute, normal path: " + path.string();
    const auto holds = [&](const fs::path& root) { return sandbox::is_beneath(path, root); };
    if (holds(config_.workspace)) return "";
    if (std::any_of(config_.allow_read.begin(), config_.allow_read.end(), holds)) return "";
    const auto& hidden = config_.base.hidden_paths;
    if (std::any_of(hidden.begin(), hidden.end(), holds)) {
      return path.string() + " may hold credentials";
    }
    if (config_.mode == Mode::full) return "";
    return path.string() + " is outside of the workspace; allow it with --allow-read";
  }

  static std::string lower(std::string text) {
    for (char& c : text) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
  }

  PolicyConfig config_;
  sandbox::Profile profile_;
};

}  // namespace

std::unique_ptr<Policy> make_paths(const PolicyConfig& config) {
  return std::make_unique<PathsRule>(config);
}

}  // namespace corvid::policies
