#pragma once
// Removing old sessions with all that was kept for them.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/paths.h"
#include "runtime/session.h"

namespace corvid::runtime {

// A session goes when any of these says so.
struct PruneOptions {
  std::optional<int64_t> older_than_days{};  // since its last event
  std::optional<int64_t> keep_count{};       // the newest that stay
  std::optional<int64_t> keep_bytes{};       // newest first, until they fill this
  bool is_trial = false;                     // only says what would go
};

struct Pruned {
  std::vector<std::string> sessions;  // that are gone, newest first
  std::vector<std::string> in_use;    // that would have gone
  int64_t bytes = 0;                  // that they held, with their snapshots
};

// Removes logs, token logs, kept output, model states, and the workspace snapshots that no
// remaining session refers to; a workspace with a run under way keeps its snapshots until the next
// time. What memory took from the sessions stays: 'memory forget' erases it. Throws invalid when
// the options name nothing.
Pruned prune_sessions(const Paths& paths, const PruneOptions& options, Time now);

// Bytes of the regular files beneath a folder; 0 where there is none.
int64_t bytes_beneath(const std::filesystem::path& folder);

// Removes from a shadow repository the pins of sessions that `is_kept` refuses, and what no pin
// reaches; the repository itself when nothing is pinned. Nobody else uses it meanwhile.
void sweep_snapshots(const std::filesystem::path& repository,
                     const std::function<bool(const std::string& session)>& is_kept);

}  // namespace corvid::runtime
