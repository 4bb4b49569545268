#pragma once
// The loop: ask the model, decide, run its calls, again; and, when it says that it is done, the
// check.

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "policies/policy.h"
#include "runtime/compaction.h"
#include "runtime/hooks.h"
#include "runtime/loop_request.h"
#include "runtime/provider.h"
#include "runtime/session.h"
#include "runtime/stuck.h"
#include "runtime/verify.h"
#include "tools/commands.h"
#include "tools/tool.h"
#include "tools/toolbox.h"

namespace corvid::runtime {

enum class StopReason {
  done,          // the model is done and no check was asked for
  verified,      // the check passed
  unverified,    // it passes only with changed test files
  check_failed,  // failed checks reached their limit
  before_write,  // the next call would write (only with LoopOptions::stop_before_write)
  turn_limit,
  token_limit,   // LoopParts::tokens_left is used up
  context_full,  // the conversation no longer fits the model's window
  stuck  // going in circles in spite of what it was told about that (stuck.h)
};

using ApproveStep =
    std::function<bool(const policies::Action& action, const std::string& reason)>;

// Where a loop begins: at a task's first message, or in the middle of what was cut off.
struct StartPoint {
  std::vector<Message> added;  // what the model has not seen yet; the loop records it
  tools::ToolState state;
  int turns_done = 0;          // by an earlier part of this run
  Message unstarted;           // a recorded reply's calls that nothing was done about yet
  bool check_is_owed = false;  // the model has said that it is done, and the check did not run
  bool compact = false;        // a person asked for it, before anything is read
  Seen seen = {};
  policies::Before before = {};  // what was read and done already
  bool was_denied = false;       // a step of this run
};

// All that a loop can reach; everything is passed in, nothing is global.
struct LoopParts {
  Session& session;
  const tools::Toolbox& toolbox;
  const policies::Policy& policy;
  sandbox::Sandbox& sandbox;
  std::function<memory::Memory&()> memory;  // with all that was said; may be empty
  const tools::Workspace& workspace;
  const ModelProfile& profile;
  std::function<const Checker&()> checker;  // empty: no check was asked for
  std::function<const tools::EditRanker&()> edit_ranker;  // may be empty
  tools::RankEdits rank_edits;
  tools::EditRanking edit_ranking = tools::EditRanking::model;
  std::string check_command;
  std::function<const tools::Evidence&(bool has_untrusted)> evidence;
  std::atomic<int64_t>* tokens_left = nullptr;  // of the run, read and written; null: no limit
  // Snapshots; may be empty. Before each call of `turn` that may change the workspace.
  std::function<void(int turn)> before_change;
  // After it, and when the commands that it left have ended (until then: `runs_on`); returns what
  // the model has to know about it, if anything.
  std::function<std::string(int turn, bool runs_on)> after_change;
  // A person's leave at a terminal; empty where nobody is there, and what would be asked is denied.
  ApproveStep approve = {};
  tools::AskPerson ask = {};  // empty where nobody is there
  const HookRunner* hooks = nullptr;  // null: there are none
  // Ends the calls that run, which run()'s `stop` then lets end; without a source that one does it.
  std::stop_token stop_steps = {};
};

class AgentLoop {
 public:
  AgentLoop(LoopParts parts, LoopOptions options, std::unique_ptr<Provider> provider);

  // Goes on until a reason to stop. Throws cancelled; io or device when the model fails.
  StopReason run(StartPoint from, std::stop_token stop);

  // For attempts, after before_write: the conversation before the reply that would write.
  std::unique_ptr<Provider> fork_before_reply(const std::string& lineage) const {
    return before_reply_->fork(lineage);
  }
  // The reply that would write, for the attempt that takes it.
  std::optional<Reply> take_pending() { return std::exchange(pending_, std::nullopt); }
  void set_pending(std::optional<Reply> reply) { pending_ = std::move(reply); }

  std::unique_ptr<Provider> take_provider() { return std::move(provider_); }
  // Without what belongs to one attempt alone.
  const Provider& shared_conversation() const {
    return is_at_write_ ? *before_reply_ : *provider_;
  }
  const tools::ToolState& state() const { return state_; }
  const policies::Before& before() const { return before_; }
  const TokenCounts& tokens() const { return tokens_; }
  int turns() const { return turns_; }
  bool was_denied() const { return was_denied_; }
  const std::optional<CheckResult>& last_check() const { return last_check_; }
  const std::string& last_text() const { return last_text_; }

 private:
  std::optional<Reply> next_reply(std::stop_token stop);  // nullopt: the model's window is full
  Reply ask_model(std::stop_token stop);
  Request make_request() const;
  bool would_write(const Message& message) const;
  void record(Message message);
  void note(std::string text);  // the harness's own word
  bool make_room(std::stop_token stop, bool is_asked = false);  // false: the model's window is full
  bool tell(const std::optional<Nudge>& nudge);  // true: it was the last
  std::optional<StopReason> run_calls(const Message& message, std::stop_token stop);
  struct Step;  // one call on its way
  std::vector<Step> run_steps(std::span<const ToolCall> calls, std::stop_token stop);
  void decide(Step& step, std::stop_token stop);
  void execute(Step& step, tools::ToolState& state, std::stop_token stop);
  std::optional<Nudge> finish_step(const Step& step);
  std::optional<StopReason> check(std::stop_token stop);
  Json told_of(const Step& step) const;  // for hooks
  StopReason go_on(StartPoint from, std::stop_token stop);
  std::string shown_output(const ToolCall& call, const std::string& text) const;
  // The model knows neither of commands that run on nor of kept output.
  bool is_narrow() const { return parts_.profile.calls_required; }
  std::filesystem::path outputs_folder() const { return parts_.session.folder() / kOutputsFolder; }
  void end_commands();

  LoopParts parts_;
  LoopOptions options_;
  std::unique_ptr<Provider> provider_;
  std::unique_ptr<Provider> before_reply_;
  std::optional<Reply> pending_;
  bool is_at_write_ = false;  // run() has ended before a reply that would write
  tools::ToolState state_;
  policies::Before before_;
  std::vector<Message> added_;  // not yet shown to the model
  TokenCounts tokens_;
  int turns_ = 0;
  int failed_checks_ = 0;
  StuckDetector stuck_;
  Seen seen_;
  bool was_denied_ = false;
  std::optional<CheckResult> last_check_;
  std::string last_text_;
  int changing_turn_ = 0;  // the last one with a call that may change the workspace
  int open_turn_ = 0;      // whose commands still run, and may change it further; 0: none
  Compactor compactor_;
  tools::Commands commands_;
};

// ToolState as the session keeps it, and what the conversation has seen beside it.
std::string tool_state_to_json(const tools::ToolState& state, const Seen& seen = {});
tools::ToolState tool_state_from_json(std::string_view text);
Seen seen_from_json(std::string_view text);

}  // namespace corvid::runtime
