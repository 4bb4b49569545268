#include "runtime/profile_needs.h"

#include <algorithm>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/log.h"
#include "tools/edit_candidates.h"
#include "tools/toolbox.h"

namespace corvid::runtime {

void refuse_beyond_profile(const Provider& provider, const std::string& check_command,
                           const tools::Workspace& workspace) {
  const ModelProfile profile = provider.profile();
  if (!profile.calls_required) return;
  const auto needs = [&](std::string_view source) {
    return std::any_of(profile.offered.begin(), profile.offered.end(),
                       [&](const auto& each) { return each.second == source; });
  };
  const std::string other = "; for other work name another model with --model";
  if (check_command.empty() && needs("check")) {
    fail(Code::invalid,
         provider.describe() +
             " repairs under a check: name the command that must pass with --verify" + other);
  }
  if (!needs("source_files")) return;
  const std::vector<std::string> files = workspace.files();
  if (std::any_of(files.begin(), files.end(), tools::has_edits)) return;
  fail(Code::invalid, provider.describe() + " repairs Python, C and C++, and there are no such "
                          "files in " + workspace.root().string() + other);
}

std::vector<std::string> offered_tools(const ModelProfile& profile, bool has_person) {
  std::vector<std::string> names = profile.tools.empty() ? tools::tool_names() : profile.tools;
  if (!has_person) std::erase(names, "ask_user");
  return names;
}

std::map<std::string, std::filesystem::path> find_tables_for(const ModelProfile& profile,
                                                             const Paths& paths,
                                                             std::vector<std::string>& names) {
  constexpr const char* kTool = "suggest_edits";
  if (std::find(names.begin(), names.end(), kTool) == names.end()) return {};
  try {
    return find_edit_tables(paths);
  } catch (const Error& error) {  // edge: other models do without
    if (!profile.tools.empty()) fail(Code::unsupported, error.what());
    log::warning("run", "no suggested edits", {{"reason", error.what()}});
    std::erase(names, kTool);
    return {};
  }
}

}  // namespace corvid::runtime
