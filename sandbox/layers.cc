// Which layers work here, and what to do about the others.
#include <cstdlib>
#include <cstring>
#include <map>
#include <sstream>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "sandbox/launch/process.h"
#include "sandbox/sandbox.h"

namespace corvid::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kProbeTimeMax{20};
constexpr const char* kLayers[] = {"user",    "mount",    "pid",    "proc", "ipc",
                                   "network", "landlock", "seccomp"};

bool file_says(const char* path, std::string_view value) {
  std::error_code error;
  if (!fs::exists(path, error) || error) return false;
  const std::string text = read_file(path, 4096);
  return std::string_view(text).substr(0, text.find('\n')) == value;
}

std::string advice_for(const std::string& layer) {
  if (layer == "landlock") {
    return "Landlock needs Linux 5.13 or later, built with CONFIG_SECURITY_LANDLOCK and with "
           "landlock in the kernel's lsm= list";
  }
  if (layer == "seccomp") return "a kernel with CONFIG_SECCOMP_FILTER is needed";
  if (file_says("/proc/sys/kernel/unprivileged_userns_clone", "0")) {
    return "user namespaces are switched off: sudo sysctl -w kernel.unprivileged_userns_clone=1";
  }
  if (file_says("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1")) {
    return "AppArmor restricts user namespaces: sudo sysctl -w "
           "kernel.apparmor_restrict_unprivileged_userns=0, or give corvid-jail an AppArmor "
           "profile with 'userns,'";
  }
  if (file_says("/proc/sys/user/max_user_namespaces", "0")) {
    return "no user namespace is allowed: sudo sysctl -w user.max_user_namespaces=15000";
  }
  if (fs::exists("/.dockerenv") || fs::exists("/run/.containerenv")) {
    return "this container forbids it: start it with --security-opt seccomp=unconfined "
           "--security-opt apparmor=unconfined --security-opt systempaths=unconfined";
  }
  if (layer == "proc") return "parts of /proc are covered here, as in some containers";
  return "the kernel or a container's filter forbids it; a kernel of 5.12 or later with user, "
         "mount, pid, ipc and network namespaces is needed";
}

Layer parse_layer(const std::string& name, const std::map<std::string, std::string>& told) {
  Layer layer{name, false, "not tried", "", 0};
  const auto line = told.find(name);
  if (line != told.end()) {
    std::istringstream words(line->second);
    std::string verdict;
    int value = 0;
    words >> verdict >> value;
    layer.works = verdict == "ok";
    layer.detail = layer.works ? "works" : std::strerror(value);
    if (layer.works && name == "landlock") {
      layer.detail = "ABI " + std::to_string(value);
      layer.abi = value;
    }
  }
  if (!layer.works) layer.advice = advice_for(name);
  return layer;
}

}  // namespace

bool LayerReport::complete() const {
  for (const Layer& layer : layers) {
    if (!layer.works) return false;
  }
  return !layers.empty();
}

bool LayerReport::allows_copies() const {
  constexpr int kAbiMin = 3;  // restricts truncation
  bool has_landlock = false, has_seccomp = false;
  for (const Layer& layer : layers) {
    has_landlock |= layer.name == "landlock" && layer.abi >= kAbiMin;
    has_seccomp |= layer.name == "seccomp" && layer.works;
  }
  return has_landlock && has_seccomp;
}

std::string LayerReport::missing() const {
  std::string text;
  for (const Layer& layer : layers) {
    if (layer.works) continue;
    text += layer.name + ": " + layer.detail + "; " + layer.advice + "\n";
  }
  return text;
}

std::filesystem::path find_jail() {
  if (const char* given = std::getenv("CORVID_JAIL"); given != nullptr && *given != '\0') {
    return given;
  }
  const fs::path folder = fs::read_symlink("/proc/self/exe").parent_path();
  const fs::path places[] = {folder / "corvid-jail", folder / "../libexec/corvid/corvid-jail",
                             folder / "../corvid-jail"};
  for (const fs::path& place : places) {
    std::error_code ignored;
    if (fs::is_regular_file(place, ignored)) return fs::canonical(place);
  }
  fail(Code::not_found, "corvid-jail is not beside " + (folder / "corvid").string() +
                            "; install it there or set CORVID_JAIL");
}

LayerReport detect_layers(const std::filesystem::path& jail) {
  Launch launch;
  launch.program = jail.empty() ? find_jail() : jail;
  launch.argv = {"corvid-jail", "--probe"};
  launch.output_bytes_max = 65536;
  launch.time_max = kProbeTimeMax;
  const Outcome probed = run_process(launch, {}).outcome;
  if (probed.exit_code != 0) {
    fail(Code::unsupported, launch.program + " --probe failed: " + probed.output);
  }
  std::map<std::string, std::string> told;
  std::istringstream lines(probed.output);
  for (std::string line; std::getline(lines, line);) {
    const size_t space = line.find(' ');
    if (space != std::string::npos) told[line.substr(0, space)] = line.substr(space + 1);
  }
  LayerReport report;
  for (const char* name : kLayers) report.layers.push_back(parse_layer(name, told));
  return report;
}

}  // namespace corvid::sandbox
