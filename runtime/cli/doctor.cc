#include <thread>

#include <fmt/format.h>

#include "engine/engine.h"
#include "memory/memory.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/cli/command.h"
#include "runtime/cli/terminal.h"
#include "runtime/embedder.h"
#include "runtime/hooks.h"
#include "runtime/memory_settings.h"
#include "runtime/paths.h"
#include "runtime/prune.h"
#include "runtime/provider.h"
#include "sandbox/sandbox.h"
#include "tools/edit_candidates.h"

namespace corvid::runtime {
namespace {

struct Finding {
  std::string name;
  bool works = false;
  std::string detail;
  std::string advice;  // what to do; empty when it works
};

// Runs `probe`, which returns the detail; a failure becomes a finding with the reason.
Finding examine(const std::string& name, const std::string& advice,
                const std::function<std::string()>& probe) {
  try {
    return {name, true, probe(), ""};
  } catch (const std::exception& error) {  // also the standard library's
    return {name, false, error.what(), advice};
  }
}

std::string cpu_features() {
  std::string features = fmt::format("{} cores", std::thread::hardware_concurrency());
  for (const engine::CpuLevel& level : engine::cpu_levels()) {
    if (level.works) features += ", " + level.name;
  }
  const char* forced = std::getenv("CORVID_CPU");
  if (forced != nullptr) features += fmt::format("; CORVID_CPU={}", forced);
  return features;
}

// Runs a command that has a proxy; nobody is called.
std::string try_proxy() {
  sandbox::Profile profile = sandbox::system_profile();
  profile.allowed_hosts = {"localhost"};
  sandbox::Command command;
  command.argv = {"true"};
  command.cwd = "/usr";
  const auto outcome = sandbox::make_sandbox("linux")->run(command, profile, {});
  if (outcome.exit_code != 0) fail(Code::io, outcome.output);
  std::string detail = "commands reach the hosts of --allow-host, and no others";
  for (const char* name : {"https_proxy", "HTTPS_PROXY"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    return detail + fmt::format("; directly: {} is not used for that", name);
  }
  return detail;
}

Finding examine_hooks(const Paths& paths) {
  return examine("hooks", "mend " + paths.settings().string(), [&] {
    std::string found;
    for (const Hook& hook : own_hooks(paths)) {
      found += fmt::format("{}{}: {}", found.empty() ? "" : "; ", hook_event_name(hook.event),
                           hook.command);
    }
    return found.empty() ? std::string("none of your own") : found;
  });
}

std::vector<Finding> findings() {
  const Paths paths = find_paths();
  std::vector<Finding> all;
  all.push_back({"cpu", true, cpu_features(), ""});
  sandbox::LayerReport report;
  const Finding jail = examine("sandbox", "install corvid-jail beside corvid", [&] {
    report = sandbox::detect_layers();
    return std::string("layers were tried");
  });
  if (!jail.works) all.push_back(jail);
  for (const sandbox::Layer& layer : report.layers) {
    all.push_back({"sandbox " + layer.name, layer.works, layer.detail, layer.advice});
  }
  if (!report.complete() && report.allows_copies()) {
    all.push_back({"sandbox", true,
                   "works without namespaces: commands run on copies, without sockets; they see "
                   "other processes' command lines",
                   ""});
  }
  if (report.complete()) {
    all.push_back(examine("sandbox proxy", "without --allow-host commands run all the same",
                          try_proxy));
  }
  all.push_back(examine("model", "reinstall Corvid, or name a model with --model", [&] {
    const std::string file = find_shared_file(paths, "fledgling.gguf").string();
    return make_provider(file, {paths.models(), {}})->describe() + ", " + file;
  }));
  all.push_back(examine("edit tables", "reinstall Corvid", [&] {
    const auto tables = find_edit_tables(paths);
    tools::EditRanker::load(tables);
    std::string found;
    for (const auto& [language, file] : tables) {
      found += (found.empty() ? "" : ", ") + file.string();
    }
    return found;
  }));
  const std::string memory_advice =
      "'corvid run --no-memory' works without it; a damaged folder is made anew when " +
      paths.memory().string() + " is moved away; the server of a [memory] store = postgresql://"
      " has to run and to take that URL";
  all.push_back(examine("memory", memory_advice, [&] {
    const MemorySettings settings = read_memory_settings(paths);
    memory::MemoryConfig config;
    config.location = settings.store;
    config.durability = settings.durability;
    const memory::Memory memory(config, memory_ports(paths, settings.embedder));
    const memory::MemoryStats stats = memory.stats();
    return fmt::format("{} turns in {}, {}; {}", stats.turns, stats.location,
                       stats.embedder.empty()
                           ? "no vectors (words only)"
                           : fmt::format("{} vectors by {}", stats.vectors, stats.embedder),
                       memory.durability());
  }));
  all.push_back(examine_hooks(paths));
  const auto megabytes = [](const std::filesystem::path& folder) {
    return fmt::format("{:.1f} MB", double(bytes_beneath(folder)) / 1e6);
  };
  all.push_back({"disk", true,
                 fmt::format("sessions {}, their snapshots {}, memory {}, models {} (in {}); model "
                             "states {} (in {}); 'corvid sessions prune' makes room",
                             megabytes(paths.sessions()), megabytes(paths.snapshots()),
                             megabytes(paths.memory()), megabytes(paths.models()),
                             paths.data.string(), megabytes(paths.state()), paths.cache.string()),
                 ""});
  return all;
}

}  // namespace

void add_doctor(Command& app, CommandContext& context) {
  Command doctor = app.subcommand("doctor", "What works here, and what to do about the rest");
  auto json = std::make_shared<bool>(false);
  doctor.flag("--json", *json, "For programs");
  doctor.footer(
      "Examples:\n  corvid doctor\n  CORVID_CPU=scalar corvid doctor --json\n"
      "Exit code 0 when all of it works, 6 otherwise.");
  doctor.callback([json, &context] {
    const Palette palette(stdout);
    Json list = Json::array();
    for (const Finding& finding : findings()) {
      if (!finding.works) context.exit_code = 6;
      if (*json) {
        list.push_back({{"name", finding.name},
                        {"works", finding.works},
                        {"detail", finding.detail},
                        {"advice", finding.advice}});
        continue;
      }
      write_text(stdout,
                 fmt::format("{} {:<18} {}\n",
                             finding.works ? palette.green("ok     ") : palette.red("missing"),
                             finding.name, printable(finding.detail)));
      if (!finding.works) write_text(stdout, "        -> " + finding.advice + "\n");
    }
    if (*json) write_text(stdout, dump_json(list) + "\n");
  });
}

}  // namespace corvid::runtime
