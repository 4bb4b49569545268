#include "runtime/run_policy.h"

#include <string>
#include <utility>

#include "runtime/base/error.h"

namespace corvid::runtime {

namespace fs = std::filesystem;

sandbox::Profile run_base_profile(const Paths& paths) {
  sandbox::Profile profile = sandbox::system_profile();
  for (const fs::path& folder : {paths.config, paths.data, paths.cache}) {
    if (folder.is_absolute()) profile.hidden_paths.push_back(folder);  // they may be anywhere
  }
  return profile;
}

std::vector<fs::path> readable_folders(const RunOptions& options) {
  std::vector<fs::path> folders;
  for (const std::string& folder : options.allow_read) {
    std::error_code error;
    folders.push_back(fs::canonical(folder, error));
    if (error) fail(Code::invalid, "--allow-read: no such folder: " + folder);
  }
  return folders;
}

std::unique_ptr<policies::Policy> make_run_policy(const RunOptions& options, const Paths& paths,
                                                  const tools::Workspace& workspace,
                                                  std::vector<fs::path> protected_folders,
                                                  bool can_ask) {
  policies::PolicyConfig config;
  config.mode = policies::parse_mode(options.mode);
  config.workspace = workspace.shown_as();
  config.allow_read = readable_folders(options);
  config.allow_hosts = options.allow_host;
  config.can_ask = can_ask;
  config.file = policies::read_policy_file(paths.config / "policy.toml");
  config.base = run_base_profile(paths);
  config.base.time_max = std::chrono::seconds(options.command_time_max_s);
  config.base.protected_paths = std::move(protected_folders);
  // A check that the model runs must not leave byte code in the workspace.
  config.base.environment.push_back("PYTHONDONTWRITEBYTECODE=1");
  return policies::make_policy_chain(config);
}

}  // namespace corvid::runtime
