#pragma once
// What happens when a conversation no longer fits the model's window: old tool output goes first
// (it stays on disk), then a summary stands for what was. The person's messages, the system text
// with AGENTS.md, and the plan stay to the letter.

#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "runtime/event.h"
#include "runtime/provider.h"
#include "runtime/session.h"
#include "tools/tool.h"

namespace corvid::runtime {

// The conversation after `event`; `messages` is the one before it.
std::vector<Message> compacted_messages(std::vector<Message> messages, const Compacted& event);

struct Room {
  TokenCounts tokens;       // of the side request, and what was evaluated anew
  bool is_changed = false;  // the model has read everything; nothing is left to be read
  bool fits = true;         // false: not even a short reply has room
};

// Makes room in one conversation. Goes on without summaries after three failures in a row.
class Compactor {
 public:
  static constexpr int kFailuresMax = 3;

  Compactor(Session& session, int attempt, int reply_tokens_max)
      : session_(session), attempt_(attempt), reply_tokens_max_(reply_tokens_max) {}

  // Before `added` is read, which the session has recorded. Nothing happens while there is room or
  // where the window is not known, unless a person asked: then all that the model has said and seen
  // becomes a summary. Each step is recorded in the session. Throws cancelled, and what the
  // provider throws for the conversation itself.
  Room make_room(Provider& provider, std::span<const Message> added,
                 const tools::ToolState& state, std::stop_token stop, bool is_asked = false);

 private:
  struct Task;
  void leave_out(Task& task, std::vector<std::string> calls);
  bool summarise(Task& task);
  void apply(Task& task, Compacted event);
  bool is_full(const ContextUse& use) const;
  bool fits(const ContextUse& use) const;
  int64_t reserve(int64_t window) const;

  Session& session_;
  int attempt_;
  int reply_tokens_max_;
  int failures_ = 0;
  int summary_count_ = 0;
};

}  // namespace corvid::runtime
