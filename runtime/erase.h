#pragma once
// Forgetting beyond the memory store: session logs, token logs and model-state files.

#include <string>
#include <vector>

#include "runtime/paths.h"

namespace corvid::runtime {

struct Erased {
  std::vector<std::string> files;  // rewritten or removed
  std::vector<std::string>
      remaining;  // not Corvid's own to change: workspace snapshots that hold it
};

// Erases every occurrence of `texts` from all of Corvid's session logs (replaced by "[forgotten]"),
// drops the token logs and state files of sessions that held one, and names the workspace snapshots
// that still do. Each file is replaced atomically; a session that is in use is refused (denied).
Erased erase_from_sessions(const Paths& paths, const std::vector<std::string>& texts);

}  // namespace corvid::runtime
