// Where files may be read and written by tools that run inside Corvid. What commands may touch is
// the sandbox's matter: what a person's rules name is hidden from them, or read-only.
#include <algorithm>

#include "policies/rules/rule.h"
#include "runtime/base/error.h"
#include "runtime/base/real_paths.h"
#include "runtime/base/text.h"

namespace corvid::policies {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNamedMax = 2000;  // each is a mount of every command

// Finds what the rules name in a workspace: a whole folder where one is meant.
class Named {
 public:
  Named(const PolicyConfig& config, sandbox::Profile& profile)
      : workspace_(config.workspace), profile_(profile) {
    for (PathRule rule : config.file.paths) {
      if (rule.verdict == Verdict::allow) continue;
      rules_.push_back(rule);
      // "secrets/**" is the folder, too.
      while (rule.pattern.ends_with("/**")) rule.pattern.resize(rule.pattern.size() - 3);
      if (!rule.pattern.empty() && rule.pattern != "**") folders_.push_back(std::move(rule));
    }
  }

  void add() {
    std::error_code error;
    if (rules_.empty() || !fs::exists(workspace_, error)) return;
    const auto passing = fs::directory_options::skip_permission_denied;
    fs::recursive_directory_iterator it(workspace_, passing, error);
    for (const fs::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
      std::error_code ignored;
      const fs::file_type type = it->symlink_status(ignored).type();
      if (type == fs::file_type::symlink) continue;  // as actions, rules mean where it leads
      const bool is_folder = type == fs::file_type::directory;
      if (it.depth() == 0 && it->path().filename() == ".git") {
        it.disable_recursion_pending();
      } else if (add(it->path(), is_folder)) {
        it.disable_recursion_pending();
      }
    }
    if (error) fail(Code::io, workspace_.string() + " cannot be read: " + error.message());
  }

 private:
  // Whether nothing in it needs a look.
  bool add(const fs::path& path, bool is_folder) {
    const std::string relative = path.lexically_relative(workspace_).string();
    bool is_hidden = false;
    const PathRule* read_only = nullptr;
    const auto look = [&](const std::vector<PathRule>& rules) {
      for (const PathRule& rule : rules) {
        if (!matches(rule, relative)) continue;
        if (rule.covers_reads && !is_hidden) name(profile_.hidden_paths, path, rule);
        is_hidden = is_hidden || rule.covers_reads;
        if (rule.covers_writes) read_only = &rule;
      }
    };
    look(rules_);
    if (is_folder) look(folders_);
    if (is_hidden || read_only == nullptr) return is_hidden;
    if (!is_protected(path)) name(profile_.protected_paths, path, *read_only);
    return false;  // something in it may be hidden
  }

  bool is_protected(const fs::path& path) const {
    return !last_.empty() && sandbox::is_beneath(path, last_);
  }

  void name(std::vector<fs::path>& paths, const fs::path& path, const PathRule& rule) {
    if (++count_ > kNamedMax) {
      fail(Code::invalid, rule.origin + ": the rules name more than " + std::to_string(kNamedMax) +
                              " files here: name their folders");
    }
    if (&paths == &profile_.protected_paths) last_ = path;
    paths.push_back(path);
  }

  const fs::path workspace_;
  sandbox::Profile& profile_;
  std::vector<PathRule> rules_, folders_;
  fs::path last_;  // that is read-only; what lies in it follows at once
  size_t count_ = 0;
};

class PathsRule final : public Policy {
 public:
  explicit PathsRule(const PolicyConfig& config)
      : config_(config), profile_(widest_profile(config)) {
    RealPaths places;
    for (const fs::path& path : config.base.hidden_paths) {
      hidden_.push_back(path);
      fs::path real = places.of(path);  // as the paths of actions are
      if (real != path) hidden_.push_back(std::move(real));
    }
    Named(config, profile_).add();
  }

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

  std::string why_hidden(const fs::path& path) const {
    if (!is_clean(path)) return "not an absolute, normal path: " + path.string();
    const auto holds = [&](const fs::path& hidden) { return sandbox::is_beneath(path, hidden); };
    if (std::none_of(hidden_.begin(), hidden_.end(), holds)) return "";
    return path.string() + " may hold credentials";
  }

  std::string why_not_write(const fs::path& path) const {
    if (std::string why = why_hidden(path); !why.empty()) return why;
    if (path == config_.workspace || !sandbox::is_beneath(path, config_.workspace)) {
      return path.string() + " is outside of the workspace " + config_.workspace.string();
    }
    for (const fs::path& part : path.lexically_relative(config_.workspace)) {
      // Git data of nested repositories too; names compare without case, as some file systems do.
      if (lower_case(part.string()) == ".git") return path.string() + " is git's own data";
    }
    for (const fs::path& name : protected_names()) {
      if (sandbox::is_beneath(lower_case(path.string()),
                              lower_case((config_.workspace / name).string()))) {
        return path.string() + " is protected";
      }
    }
    return "";
  }

  std::string why_not_read(const fs::path& path) const {
    if (std::string why = why_hidden(path); !why.empty()) return why;
    const auto holds = [&](const fs::path& root) { return sandbox::is_beneath(path, root); };
    if (holds(config_.workspace)) return "";
    if (std::any_of(config_.allow_read.begin(), config_.allow_read.end(), holds)) return "";
    if (config_.mode == Mode::full) return "";
    return path.string() + " is outside of the workspace; allow it with --allow-read";
  }

  PolicyConfig config_;
  std::vector<fs::path> hidden_;
  sandbox::Profile profile_;
};

}  // namespace

std::unique_ptr<Policy> make_paths(const PolicyConfig& config) {
  return std::make_unique<PathsRule>(config);
}

}  // namespace corvid::policies
