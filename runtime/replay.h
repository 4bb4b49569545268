#pragma once
// A recorded session, asked of its model once more.

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "runtime/message.h"
#include "runtime/paths.h"

namespace corvid::runtime {

// One reply of the model, as it was recorded and as it came now.
struct ReplayedTurn {
  int turn = 0;
  int attempt = -1;
  std::string lineage;
  TokenCounts tokens;  // now
  Message recorded, now;
  bool is_same = false;  // text, calls, and the number of tokens written
};

struct ReplayResult {
  int turns = 0;
  int different = 0;
  int64_t tokens = 0;  // of a local model that are those of the session's token log
  std::string lineage_that_differs;     // the first whose tokens are others; empty: none
  int64_t token_that_differs = 0;       // its position there
  bool is_same() const { return different == 0 && lineage_that_differs.empty(); }
};

// Gives the model of session `id` the recorded messages, tool results and check outputs again, turn
// by turn, attempt by attempt, under the seed and limits of the run, and compares its replies and
// the tokens it evaluates with the recorded ones. After a reply that differs the conversation goes
// on with the recorded one. Nothing that was done is done again: no tool, no command, no check, no
// summary. Where a model chooses among the workspace's files they come from the session's
// snapshots, in a copy below the scratch folder. Session, workspace and memory stay as they are;
// turns that were taken back are not replayed. Throws unsupported for a model whose replies do not
// repeat, not_found for a session without what it takes, cancelled, and what the model throws.
ReplayResult replay_session(const Paths& paths, const std::string& id,
                            const std::function<void(const ReplayedTurn&)>& on_turn,
                            std::stop_token stop);

}  // namespace corvid::runtime
