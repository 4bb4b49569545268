#include "engine/threads.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <sched.h>

namespace corvid::engine {
namespace {

// Those that this process may use; empty where the system does not say.
std::vector<int> usable_cpus() {
  cpu_set_t set;
  std::vector<int> cpus;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

}  // namespace

int core_count(std::span<const int> cpus, const std::filesystem::path& folder) {
  std::set<std::string> cores;
  for (const int cpu : cpus) {
    const std::string name = "cpu" + std::to_string(cpu);
    std::ifstream siblings(folder / name / "topology" / "thread_siblings_list");
    std::string line;
    cores.insert(std::getline(siblings, line) && !line.empty() ? line : name);
  }
  return static_cast<int>(cores.size());
}

int thread_count(int asked) {
  if (asked <= 0) asked = core_count(usable_cpus(), "/sys/devices/system/cpu");
  if (asked <= 0) asked = static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(asked, 1, kThreadsMax);
}

}  // namespace corvid::engine
