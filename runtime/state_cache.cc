#include "runtime/state_cache.h"

#include <algorithm>
#include <vector>

#include "runtime/base/log.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

struct Kept {
  fs::path path;
  fs::file_time_type used;
  int64_t bytes = 0;
};

// Least recently used first.
std::vector<Kept> kept_states(const fs::path& folder) {
  std::vector<Kept> kept;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".state" || !entry.is_regular_file()) continue;
    kept.push_back({entry.path(), entry.last_write_time(), int64_t(entry.file_size())});
  }
  std::sort(kept.begin(), kept.end(), [](const Kept& a, const Kept& b) { return a.used < b.used; });
  return kept;
}

}  // namespace

fs::path state_path(const fs::path& folder, const std::string& session) {
  return folder / (session + ".state");
}

void keep_state(const Provider& provider, const fs::path& folder, const std::string& session,
                int64_t bytes_max) {
  try {
    fs::create_directories(folder);
    provider.save(state_path(folder, session));
    const std::vector<Kept> kept = kept_states(folder);
    int64_t total = 0;
    for (const Kept& state : kept) total += state.bytes;
    for (const Kept& state : kept) {
      if (total <= bytes_max) break;
      if (state.path == state_path(folder, session)) continue;
      if (fs::remove(state.path)) total -= state.bytes;
    }
  } catch (const std::exception& error) {  // edge: a cache
    log::warning("run", "cannot keep the model's state", {{"reason", error.what()}});
  }
}

void touch_state(const fs::path& folder, const std::string& session) {
  std::error_code ignored;
  fs::last_write_time(state_path(folder, session), fs::file_time_type::clock::now(), ignored);
}

}  // namespace corvid::runtime
