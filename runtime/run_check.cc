#include "runtime/run_check.h"

#include <algorithm>

#include "runtime/run_policy.h"

namespace corvid::runtime {
namespace {

std::shared_ptr<const IgnoredFiles> keep_ignored(const RunCheckParts& parts, const Snapshot& start,
                                                 bool is_resumed) {
  if (is_resumed) {
    return std::make_shared<const IgnoredFiles>(parts.workspace, parts.store, start, parts.scratch);
  }
  return std::make_shared<const IgnoredFiles>(parts.workspace, kIgnoredBytesMax, parts.scratch);
}

}  // namespace

std::unique_ptr<Checker> make_run_checker(const RunCheckParts& parts, const Snapshot& start,
                                          bool is_resumed) {
  CheckerOptions check;
  check.command = parts.options.verify;
  check.time_max = std::chrono::seconds(parts.options.check_time_max_s);
  check.profile = run_base_profile(parts.paths);
  const sandbox::Profile allowed = parts.policy.decide({}).profile;
  check.profile.allowed_hosts = allowed.allowed_hosts;
  check.profile.denied_hosts = allowed.denied_hosts;
  for (const std::filesystem::path& path : allowed.hidden_paths) {
    auto& hidden = check.profile.hidden_paths;
    if (std::find(hidden.begin(), hidden.end(), path) == hidden.end()) hidden.push_back(path);
  }
  policies::Action later;
  later.argv = {"true"};
  later.before.has_untrusted = true;
  check.hosts_after_untrusted = parts.policy.decide(later).profile.allowed_hosts;
  for (const std::filesystem::path& folder : readable_folders(parts.options)) {
    check.profile.read_roots.push_back(folder);
  }
  check.scratch = parts.scratch;
  return std::make_unique<Checker>(parts.sandbox, check, parts.store, start,
                                   keep_ignored(parts, start, is_resumed));
}

}  // namespace corvid::runtime
