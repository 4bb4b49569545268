// Times `true` without a sandbox, in it, and in it with the proxy of --allow-host, by turns. Prints
// {"none":[ms, ...], "linux":[...], "proxy":[...]}. For tests/bench/harness/cost.py.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "runtime/base/files.h"
#include "sandbox/sandbox.h"

using namespace corvid::sandbox;

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 20;
  const std::filesystem::path jail = std::filesystem::path(CORVID_BINARY_DIR) / "corvid-jail";
  const auto confined = make_sandbox("linux", {jail});
  const auto unconfined = make_sandbox("none");
  Command command;
  command.argv = {"true"};
  const corvid::TempDir workspace("sandbox-cost");
  command.cwd = std::filesystem::canonical(workspace.path());
  Profile profile = system_profile();
  profile.write_roots = {command.cwd};
  Profile with_proxy = profile;
  with_proxy.allowed_hosts = {"example.org"};
  std::map<std::string, std::vector<double>> samples;
  const auto take = [&](const char* name, Sandbox& box, const Profile& with) {
    const auto begin = std::chrono::steady_clock::now();
    if (box.run(command, with, {}).exit_code != 0) std::exit(1);
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
    samples[name].push_back(time.count());
  };
  for (int i = 0; i < count; ++i) {
    take("none", *unconfined, profile);
    take("linux", *confined, profile);
    take("proxy", *confined, with_proxy);
  }
  const char* separator = "{";
  for (const auto& [name, values] : samples) {
    std::printf("%s\"%s\":", separator, name.c_str());
    separator = ",";
    for (size_t i = 0; i < values.size(); ++i) std::printf("%c%.3f", i == 0 ? '[' : ',', values[i]);
    std::printf("]");
  }
  std::printf("}\n");
}
