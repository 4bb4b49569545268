#include "runtime/prune.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/state_cache.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

struct Candidate {
  SessionSummary summary;
  int64_t bytes = 0;
};

// Newest first, as list_sessions gives them.
std::vector<Candidate> candidates(const Paths& paths) {
  std::vector<Candidate> all;
  for (SessionSummary& summary : list_sessions(paths.sessions())) {
    std::error_code ignored;
    const fs::path state = state_path(paths.state(), summary.id);
    const int64_t state_bytes = fs::exists(state) ? int64_t(fs::file_size(state, ignored)) : 0;
    const int64_t bytes = bytes_beneath(paths.sessions() / summary.id) + state_bytes;
    all.push_back({std::move(summary), bytes});
  }
  return all;
}

void remove_session(const Paths& paths, const std::string& id) {
  const fs::path folder = paths.sessions() / id;
  const FileLock lock(folder / "lock", "in use");
  fs::remove(state_path(paths.state(), id));
  // The log goes first: a folder without one is no session.
  fs::remove(folder / "events.jsonl");
  fs::remove_all(folder);
}

void sweep_all(const Paths& paths) {
  if (!fs::is_directory(paths.snapshots())) return;
  fs::create_directories(paths.data / "locks");
  for (const auto& entry : fs::directory_iterator(paths.snapshots())) {
    if (!entry.is_directory() || entry.path().extension() != ".git") continue;
    const std::string lock_name = entry.path().stem().string() + ".lock";
    try {
      const FileLock lock(paths.data / "locks" / lock_name, "in use");
      sweep_snapshots(entry.path(), [&](const std::string& session) {
        return fs::exists(paths.sessions() / session / "events.jsonl");
      });
    } catch (const Error& error) {  // edge: a run is under way there; the next prune sweeps it
      if (error.code() != Code::denied) throw;
    }
  }
}

}  // namespace

int64_t bytes_beneath(const fs::path& folder) {
  int64_t total = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code vanished;
    if (it->is_regular_file(vanished)) total += int64_t(it->file_size(vanished));
  }
  return total;
}

Pruned prune_sessions(const Paths& paths, const PruneOptions& options, Time now) {
  if (!options.older_than_days && !options.keep_count && !options.keep_bytes) {
    fail(Code::invalid, "say what stays: --older-than DAYS, --keep COUNT or --max-bytes BYTES");
  }
  const int64_t before = bytes_beneath(paths.snapshots());
  Pruned pruned;
  int64_t index = 0, filled = 0;
  for (const Candidate& candidate : candidates(paths)) {
    const SessionSummary& summary = candidate.summary;
    filled += candidate.bytes;
    ++index;
    const bool is_old = options.older_than_days && summary.ended != Time{} &&
                        now - summary.ended > std::chrono::hours(24) * *options.older_than_days;
    const bool is_over = (options.keep_count && index > *options.keep_count) ||
                         (options.keep_bytes && filled > *options.keep_bytes);
    if (!is_old && !is_over) continue;
    try {
      if (!options.is_trial) remove_session(paths, summary.id);
    } catch (const Error& error) {  // edge: a session in use stays
      if (error.code() != Code::denied) throw;
      pruned.in_use.push_back(summary.id);
      continue;
    }
    pruned.sessions.push_back(summary.id);
    pruned.bytes += candidate.bytes;
  }
  if (options.is_trial) return pruned;
  sweep_all(paths);
  pruned.bytes += std::max<int64_t>(0, before - bytes_beneath(paths.snapshots()));
  return pruned;
}

}  // namespace corvid::runtime
