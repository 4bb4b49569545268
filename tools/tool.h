#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "policies/action.h"
#include "runtime/base/json_fwd.h"
#include "sandbox/sandbox.h"
#include "tools/edit_candidates.h"
#include "tools/evidence.h"
#include "tools/workspace.h"

namespace corvid::memory {
class Memory;
}

namespace corvid::tools {

class Commands;

struct ToolSpec {
  std::string name;         // what the model calls
  std::string description;  // what the model reads
  std::string schema;       // JSON Schema of the arguments, as text
  // run() changes nothing but ToolState::read_hashes, and may run beside others of the kind.
  bool is_reading = false;
};

// A candidate that suggest_edits offered; edit_file takes its id.
struct Choice {
  std::string id;  // "c1", "c2", ...: position in the ranking
  EditCandidate edit;
};

struct PlanStep {
  std::string text;
  std::string status;  // todo, doing, done
};

// What one session's tools remember between calls: files that were read (edit needs it) and the
// choices on offer. A fork of the session copies it.
struct ToolState {
  std::map<std::string, std::string> read_hashes;  // path -> SHA-256 of the content last seen
  std::vector<Choice> choices;   // those that were tried keep their ids; new ones get free ids
  std::set<std::string> tried;   // ids that were applied once; they are no longer offered
  std::string applied;           // id of the choice that stands in the workspace; empty: none
  std::vector<PlanStep> plan;    // the model's own; empty: none
  int command_count = 0;         // commands that were started: the last one is "pN"
  std::map<std::string, std::string> typed;  // a command -> its input behind the last whole line
};

// A tool that did not succeed has an answer for the model to read: a value, not an exception.
struct ToolResult {
  std::string text = {};  // bounded by each tool; the loop cuts it to what its model may read
  bool is_error = false;
  std::string diff = {};  // unified diff of what was changed, for people and for the log
  bool finished = false;  // the model says that the task is done
  int exit_code = 0;      // of a command
  bool is_untrusted = false;  // holds text that neither a person nor the workspace wrote: the web's
};

// A person's answer to a question; nothing when they give none. `choices` are offered to them, and
// they may answer otherwise.
using AskPerson = std::function<std::optional<std::string>(
    const std::string& question, const std::vector<std::string>& choices)>;

// All that a running tool can reach.
struct ToolContext {
  const Workspace& workspace;  // each attempt has its own
  sandbox::Sandbox& sandbox;
  const sandbox::Profile& profile;  // as the policy decided it for this call
  std::function<memory::Memory&()> memory;  // empty: memory_search says so
  ToolState& state;
  std::function<const Evidence&()> evidence;  // runs the check when nothing is known yet
  std::function<const EditRanker&()> edit_ranker;  // loads it; empty: suggest_edits says so
  RankEdits rank_edits;
  EditRanking edit_ranking = EditRanking::model;
  uint64_t seed = 0;
  std::string check_command;  // empty: none
  int64_t output_bytes_max = 32 << 10;
  Commands* commands = nullptr;  // none: no command runs on after its call
  std::chrono::milliseconds yield_after = std::chrono::seconds(30);  // then a command runs on
  std::filesystem::path output_folder = {};  // for output that is too long; empty: it is cut
  std::string call_id = {};                  // names the call's file there
  std::string session = {};
  std::stop_token stop;
  AskPerson ask = {};  // empty: nobody is there
};

// The plan, one step per line: "[x] done", "[>] doing", "[ ] todo".
std::string plan_text(const ToolState& state);

class Tool {
 public:
  virtual ~Tool() = default;
  virtual const ToolSpec& spec() const = 0;
  // Says what run() would do; no side effects. `args` already match spec().schema. Paths as
  // Workspace::action_path gives them. Throws invalid for arguments that can name nothing ("path is
  // outside the workspace").
  virtual policies::Action plan(const Json& args, const Workspace& workspace,
                                const ToolState& state) const = 0;
  virtual ToolResult run(const Json& args, const ToolContext& context) const = 0;
};

}  // namespace corvid::tools
