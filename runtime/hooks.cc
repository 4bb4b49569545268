#include "runtime/hooks.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/base/toml.h"
#include "runtime/clean_copy.h"
#include "runtime/trust.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kTimeMaxS = 3600;
constexpr size_t kHooksMax = 32, kSaidBytesMax = 8 << 10;
constexpr std::array<const char*, 4> kEvents = {"session_start", "before_tool", "after_tool",
                                                "finish"};

[[noreturn]] void refuse(const fs::path& file, const toml::node& at, const std::string& what) {
  refuse_toml(file.string(), at.source(), what);
}

HookEvent event_of(const fs::path& file, const toml::node& node) {
  const std::string name = node.value_exact<std::string>().value_or("");
  const auto found = std::find(kEvents.begin(), kEvents.end(), name);
  if (found == kEvents.end()) {
    refuse(file, node, "an event is session_start, before_tool, after_tool or finish");
  }
  return HookEvent(found - kEvents.begin());
}

std::vector<std::string> names_of(const fs::path& file, const toml::node& node) {
  std::vector<std::string> names;
  if (!node.is_array()) refuse(file, node, "tools is a list of names");
  for (const toml::node& item : *node.as_array()) {
    const auto name = item.value_exact<std::string>();
    if (!name) refuse(file, item, "tools is a list of names");
    names.push_back(*name);
  }
  return names;
}

Hook hook_of(const fs::path& file, const toml::node& node, const fs::path& scripts) {
  if (!node.is_table()) refuse(file, node, "write [[hooks]]");
  Hook hook;
  hook.scripts = scripts;
  bool has_event = false;
  for (const auto& [key, value] : *node.as_table()) {
    if (key.str() == "event") {
      hook.event = event_of(file, value);
      has_event = true;
    } else if (key.str() == "command" && value.is_string()) {
      hook.command = *value.value_exact<std::string>();
    } else if (key.str() == "tools") {
      hook.tools = names_of(file, value);
    } else if (key.str() == "time_max_s" && value.is_integer() &&
               *value.value_exact<int64_t>() >= 1 && *value.value_exact<int64_t>() <= kTimeMaxS) {
      hook.time_max_s = *value.value_exact<int64_t>();
    } else {
      refuse(file, value,
             "known in [[hooks]]: event, command, tools = [\"shell\"], time_max_s = 1 to 3600");
    }
  }
  if (!has_event || hook.command.empty()) refuse(file, node, "a hook needs event and command");
  return hook;
}

}  // namespace

std::string_view hook_event_name(HookEvent event) { return kEvents[size_t(event)]; }

std::vector<Hook> parse_hooks(const fs::path& file, const fs::path& scripts) {
  if (!fs::exists(file)) return {};
  const toml::table config = read_toml(file);
  for (const auto& [key, value] : config) {
    const std::string_view name = key.str();
    if (name == "hooks" || name == "memory" || name == "model" || name == "verify") continue;
    log::warning("config", "nothing is known of this, so it is not used",
                 {{"file", file.string()}, {"name", std::string(name)}});
  }
  const toml::node* node = config.get("hooks");
  if (node == nullptr) return {};
  if (!node->is_array() || node->as_array()->size() > kHooksMax) {
    refuse(file, *node, "write [[hooks]], at most " + std::to_string(kHooksMax));
  }
  std::vector<Hook> hooks;
  for (const toml::node& item : *node->as_array()) hooks.push_back(hook_of(file, item, scripts));
  return hooks;
}

std::vector<Hook> own_hooks(const Paths& paths) {
  return parse_hooks(paths.settings(), paths.config / "hooks");
}

std::vector<Hook> read_hooks(const Paths& paths, const fs::path& workspace) {
  std::vector<Hook> hooks = own_hooks(paths);
  bool is_trusted = false, has_untrusted = false;
  for (const ProjectPart& part : project_parts(paths, workspace)) {
    if (part.path == kProjectConfig) is_trusted = part.is_trusted;
    if (part.path == kProjectHooks) has_untrusted = !part.is_trusted;
  }
  if (!is_trusted || has_untrusted) return hooks;
  std::vector<Hook> own = parse_hooks(workspace / kProjectConfig, workspace / kProjectHooks);
  hooks.insert(hooks.end(), std::move_iterator(own.begin()), std::move_iterator(own.end()));
  return hooks;
}

HookRunner::HookRunner(std::vector<Hook> hooks, sandbox::Sandbox& sandbox,
                       const policies::Policy& policy, const Paths& paths)
    : hooks_(std::move(hooks)), sandbox_(sandbox), policy_(policy), paths_(paths) {}

// A person's scripts lie beside keys, in a folder that commands do not see.
sandbox::Profile HookRunner::profile_of(const Hook& hook, const tools::Workspace& workspace,
                                        bool may_write) const {
  sandbox::Profile profile = policy_.decide({}).profile;
  profile.time_max = std::chrono::seconds(hook.time_max_s);
  if (!may_write) {
    profile.read_roots.insert(profile.read_roots.end(), profile.write_roots.begin(),
                              profile.write_roots.end());
    profile.write_roots.clear();
  }
  if (hook.scripts.parent_path() == paths_.config && fs::is_directory(hook.scripts)) {
    std::erase(profile.hidden_paths, paths_.config);
    for (const auto& entry : fs::directory_iterator(paths_.config)) {
      if (entry.path() != hook.scripts) profile.hidden_paths.push_back(entry.path());
    }
    profile.read_roots.push_back(hook.scripts);
  }
  profile.environment.push_back("CORVID_HOOKS=" + hook.scripts.string());
  return show_at(std::move(profile), workspace.root(), workspace.shown_as());
}

std::optional<std::string> HookRunner::tell(HookEvent event, const std::string& tool, Json told,
                                            const tools::Workspace& workspace, bool may_write,
                                            std::stop_token stop) const {
  told["event"] = hook_event_name(event);
  told["workspace"] = workspace.shown_as().string();
  if (!tool.empty()) told["tool"] = tool;
  for (const Hook& hook : hooks_) {
    const bool is_meant = hook.tools.empty() || tool.empty() ||
                          std::find(hook.tools.begin(), hook.tools.end(), tool) != hook.tools.end();
    if (hook.event != event || !is_meant) continue;
    sandbox::Command command;
    command.argv = {"/bin/sh", "-c", hook.command};
    command.cwd = workspace.shown_as();
    command.stdin_text = dump_json(told) + "\n";
    sandbox::Outcome outcome;
    try {
      outcome = sandbox_.run(command, profile_of(hook, workspace, may_write), stop);
    } catch (const Error& error) {  // edge: a hook that cannot be run has not agreed
      return std::string("the hook cannot be run: ") + error.what();
    }
    if (outcome.cancelled) fail(Code::cancelled, "cancelled");
    if (outcome.timed_out) return "the hook took over " + std::to_string(hook.time_max_s) + " s";
    if (outcome.exit_code == 0) continue;
    const std::string said =
        head_and_tail(std::string(trim(to_utf8(outcome.output))), kSaidBytesMax);
    return said.empty() ? "the hook ended with " + std::to_string(outcome.exit_code) : said;
  }
  return std::nullopt;
}

void HookRunner::inform(HookEvent event, Json told, const tools::Workspace& workspace,
                        std::stop_token stop) const {
  const auto said = tell(event, "", std::move(told), workspace, false, stop);
  if (!said) return;
  log::warning("hooks", "a hook failed",
               {{"event", std::string(hook_event_name(event))}, {"reason", *said}});
}

void HookRunner::begin(const Session& session, const std::string& task,
                       const tools::Workspace& workspace, std::stop_token stop) const {
  inform(HookEvent::session_start, {{"session", session.id()}, {"task", task}}, workspace, stop);
}

void HookRunner::end(const Session& session, const RunResult& result,
                     const tools::Workspace& workspace) const {
  inform(HookEvent::finish, {{"session", session.id()}, {"result", result_to_json(result)}},
         workspace, {});
}

}  // namespace corvid::runtime
