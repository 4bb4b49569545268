#pragma once
// What happened in a session, as plain values; one JSON line each. The log is the truth: everything
// else that a session holds can be rebuilt from it.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/json_fwd.h"
#include "runtime/message.h"

namespace corvid::runtime {

inline constexpr int kSessionFormat = 1;

struct SessionStarted {
  int format = kSessionFormat;
  std::string id;
  std::string workspace;  // absolute path
  std::string task;
  std::string options;  // JSON object: everything of RunOptions that a resume needs
  std::string sandbox;  // the layers that confine commands
  std::string forked_from = {};  // session whose conversation it took over; empty: none
  std::vector<std::string> tools = {};  // that the model was given; none: written before this was
};
struct MessageAdded {
  Message message;
};
// One reply of the model with what it cost.
struct TurnEnded {
  int turn = 0;
  TokenCounts tokens;
  std::string lineage;  // whose tokens: "main", or an attempt's
};
// A call that is about to run: what it would do and what the policies say of it.
struct ActionDecided {
  std::string call_id;
  std::string tool;
  std::string action;   // JSON
  std::string verdict;  // allow, deny
  std::string reason;
};
struct ToolFinished {
  std::string call_id;
  std::string tool;
  bool is_error = false;
  int exit_code = 0;
  std::string diff;
  int64_t ms = 0;
  std::string state;  // what the tools remember afterwards (JSON)
};
// A call that was cut off: it has no result of its own.
struct CallInterrupted {
  std::string call_id;
};
// The workspace as it was before a changing turn, or after it; at the start of a run (turn 0); as
// found on resume or undo (-1).
struct SnapshotTaken {
  int turn = 0;
  std::string tree;                   // id in the shadow repository
  std::vector<std::string> left_out;  // "path (why)"
  bool after = false;
};
struct CheckRan {
  std::string purpose;  // baseline, verify, originals
  std::string command;
  int exit_code = 0;
  bool timed_out = false;
  std::string output;
  int64_t ms = 0;
  std::vector<std::string> left_out = {};  // ignored files that its copy lacked; the last may be
                                           // "and N more"
};
struct AttemptStarted {
  std::string choice;  // the candidate it takes; empty: sampled
};
struct AttemptEnded {
  std::string status;  // verified, failed, cancelled, limit, error
  std::string diff;
  TokenCounts tokens;
};
// A run goes on with a session whose log ended early.
struct Resumed {
  std::vector<std::string> changed_files;  // by others, since the last recorded state
  std::string found_tree;
};
struct WorkspaceRestored {
  std::string tree;
  std::string reason;  // undo, rewind, restore, apply attempt
  int turn = 0;
};
// The conversation was cut to fit the model's window; compaction.h says what it is from here on.
struct Compacted {
  std::string reason;              // window
  std::string step;                // outputs, summary
  std::vector<std::string> calls;  // whose output was left out
  std::string summary;
  std::string plan;
  int kept = 0;  // messages at the end that stay beside the summary
  int64_t tokens_before = 0;
  int64_t tokens_after = 0;
  TokenCounts tokens;  // of the summary's side request, and what was evaluated anew (rebuilt)
};
struct RunEnded {
  std::string result;  // the JSON object that --json prints last
};

using EventBody = std::variant<SessionStarted, MessageAdded, TurnEnded, ActionDecided, ToolFinished,
                               CallInterrupted, SnapshotTaken, CheckRan, AttemptStarted,
                               AttemptEnded, Resumed, WorkspaceRestored, RunEnded, Compacted>;

struct Event {
  int64_t sequence = 0;  // 0, 1, 2, ... in the log
  Time at{};
  int attempt = -1;  // -1: the shared part of the run
  EventBody body;
};

std::string event_to_line(const Event& event);  // without the newline
Event event_from_line(std::string_view line);   // throws invalid; unsupported: newer
std::string event_type(const EventBody& body);  // "message_added"

}  // namespace corvid::runtime
