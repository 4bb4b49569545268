#include "runtime/task_run.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "runtime/agent_loop.h"
#include "runtime/attempts.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/cut_off.h"
#include "runtime/deadline.h"
#include "runtime/early_check.h"
#include "runtime/git_objects.h"
#include "runtime/hooks.h"
#include "runtime/instructions.h"
#include "runtime/kept_files.h"
#include "runtime/left_behind.h"
#include "runtime/profile_needs.h"
#include "runtime/project.h"
#include "runtime/prompt.h"
#include "runtime/recollect.h"
#include "runtime/run_check.h"
#include "runtime/run_ending.h"
#include "runtime/run_model.h"
#include "runtime/run_policy.h"
#include "runtime/run_scratch.h"
#include "runtime/state_cache.h"
#include "runtime/token_log.h"
#include "runtime/workspace_history.h"
#include "runtime/workspace_lock.h"
#include "tools/python_trace.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

constexpr int kChecksAlone = 4;

class TaskRun {
 public:
  TaskRun(RunOptions options, const RunEnvironment& environment)
      : options_(std::move(options)),
        environment_(environment),
        workspace_(options_.workspace),
        lock_(environment.paths, workspace_.root()),
        left_behind_(workspace_, run_record_path(environment.paths, workspace_.root())),
        scratch_(environment.paths.scratch()),
        sandbox_soon_(std::async(std::launch::async, [this] { return probe_sandbox(); })),
        memory_soon_(std::async(std::launch::async, [this] { return open_own_memory(); })),
        store_(snapshot_folder(environment.paths, workspace_.root()), workspace_.root()) {
    if (options_.attempts > 1 && options_.verify.empty()) {
      fail(Code::invalid, "--attempts needs --verify: the check decides which attempt wins");
    }
    std::vector<Hook> hooks = read_hooks(environment_.paths, workspace_.root());
    provider_ = open_model();
    profile_ = provider_->profile();
    window_ = provider_->context({}).window;
    opinion_ = provider_->edit_opinion();
    std::vector<std::string> names = offered_tools(profile_, bool(environment.ask));
    edit_tables_ = find_tables_for(profile_, environment_.paths, names);
    toolbox_ = own_part(Code::device, [&] { return std::make_unique<tools::Toolbox>(names); });
    policy_ = make_policy(bool(environment_.approve));
    sandbox_ = sandbox_soon_.get();
    memory_ = memory_soon_.get();
    if (!hooks.empty()) {
      hooks_ = std::make_unique<HookRunner>(std::move(hooks), *sandbox_, *policy_,
                                            environment_.paths);
    }
  }

  RunResult start(std::stop_token stop) {
    refuse_beyond_profile(*provider_, options_.verify, workspace_);
    session_ = Session::create(environment_.paths.sessions(), environment_.clock,
                               [this](const Event& event) { observe(event); });
    const std::string skills = std::exchange(options_.instructions, "");
    // A model that brings its own system text was trained on that alone.
    if (profile_.system.empty()) {
      options_.instructions =
          project_instructions(workspace_.root(), environment_.paths.config / "AGENTS.md");
      if (!skills.empty()) options_.instructions += "\n\n" + skills;
    }
    append_start();
    const auto prepare = [this] {
      begin_provider();
      StartPoint from;
      from.added.push_back(first_message());
      return from;
    };
    return conduct(prepare, stop);
  }

  RunResult resume(const ResumeOptions& resume, std::unique_ptr<Session> session,
                   std::stop_token stop);

  void observe(const Event& event) {
    remember(event);
    if (environment_.on_event) environment_.on_event(event);
  }

 private:
  void append_start() {
    std::vector<std::string> names;
    for (const auto& tool : toolbox_->tools()) names.push_back(tool->spec().name);
    session_->append(SessionStarted{kSessionFormat, session_->id(), workspace_.root().string(),
                                    options_.task, dump_json(options_to_json(options_)),
                                    sandbox_->describe(), "", names});
  }

  std::unique_ptr<sandbox::Sandbox> probe_sandbox() const {
    return own_part(Code::unsupported, [&] {
      return sandbox::make_sandbox(environment_.sandbox, {.stages = environment_.paths.stages()});
    });
  }

  std::unique_ptr<memory::Memory> open_own_memory() const {
    if (!options_.use_memory) return nullptr;
    return open_memory(environment_.paths, workspace_.root());
  }

  std::unique_ptr<Provider> open_model() {
    return open_run_model(options_, environment_.paths, [this](const EvaluatedTokens& evaluated) {
      if (session_) session_->append_tokens(evaluated);
    });
  }

  void remember(const Event& event) {
    if (!memory_) return;
    if (!memory_writer_) {
      memory_writer_ = std::make_unique<MemoryWriter>(*memory_, session_->id());
    }
    if (std::optional<std::string> reply = reply_of(event)) said_ = std::move(*reply);
    memory_writer_->add(event);
  }

  std::unique_ptr<policies::Policy> make_policy(bool can_ask) const {
    return make_run_policy(options_, environment_.paths, workspace_,
                           left_behind_.protected_folders(), can_ask);
  }

  void begin_provider() {
    begin_conversation(*provider_, *toolbox_, profile_, options_.instructions);
  }

  Message first_message() const {
    const Recalled recalled =
        memory_ ? recall_for(*memory_, options_, session_->id()) : Recalled();
    Message message;
    message.content = task_message(options_.task, options_.verify, recalled.text) +
                      network_note(profile_, policy_->decide({}).profile, sandbox_->describe());
    message.is_untrusted = recalled.is_untrusted;
    return message;
  }

  void record_snapshot(int turn, const Snapshot& snapshot, bool after) {
    store_.pin(snapshot.tree, session_->id() + "/" + snapshot.tree.substr(0, 12));
    last_taken_ = {turn, snapshot.tree, snapshot.left_out_texts, after};
    session_->append(last_taken_);
  }

  // A step began to change the workspace; its end is not recorded.
  bool is_change_open() const { return !last_taken_.after && last_taken_.turn > 0; }

  // What goes on changing the workspace goes on from where the turn's last step ended.
  void reopen_change() {
    if (std::exchange(last_taken_.after, false)) session_->append(last_taken_);
  }

  LoopParts parts();
  LoopOptions loop_options(int turns_done) const {
    return make_loop_options(options_, profile_, window_, turns_done);
  }
  RunResult conduct(const std::function<StartPoint()>& prepare, std::stop_token stop);
  StartPoint pick_up(const ResumeOptions& resume, TokenCounts& rebuilt);
  Resumed find_workspace(const ResumeOptions& resume, std::span<const Event> events,
                         const CutOff& end);
  bool record_start();  // true: it was not recorded before
  const Checker& checker();
  const tools::Evidence& evidence(bool has_untrusted);
  const tools::EditRanker& edit_ranker();
  void apply(const Winner& winner);
  void drive(RunResult& result, StartPoint from, std::stop_token stop);
  bool check_decides(RunResult& result, bool has_untrusted, std::stop_token stop);
  void run_fork(RunResult& result, AgentLoop& loop, int count, std::stop_token stop);
  void finish(RunResult& result);

  RunOptions options_;
  const RunEnvironment& environment_;
  tools::Workspace workspace_;
  WorkspaceLock lock_;
  LeftBehind left_behind_;
  RunScratch scratch_;
  // Both take a while and need little of the processor: they are made beside the rest.
  std::future<std::unique_ptr<sandbox::Sandbox>> sandbox_soon_;
  std::future<std::unique_ptr<memory::Memory>> memory_soon_;
  std::unique_ptr<sandbox::Sandbox> sandbox_;
  SnapshotStore store_;
  std::unique_ptr<memory::Memory> memory_;
  std::unique_ptr<MemoryWriter> memory_writer_;
  std::string said_;  // the last reply, as remembered
  std::unique_ptr<Session> session_;
  std::unique_ptr<Provider> provider_;
  ModelProfile profile_;
  int64_t window_ = 0;  // of the model; 0: not known
  EditOpinion opinion_;
  std::unique_ptr<tools::Toolbox> toolbox_;
  std::unique_ptr<policies::Policy> policy_;
  std::unique_ptr<HookRunner> hooks_;            // null: there are none
  std::map<std::string, fs::path> edit_tables_;  // empty: suggest_edits is not offered
  std::mutex edit_ranker_mutex_;
  std::unique_ptr<tools::EditRanker> edit_ranker_;
  std::mutex checker_mutex_;
  std::unique_ptr<Checker> checker_;  // null: not needed so far
  Snapshot start_snapshot_;           // what the run began with, once it is needed
  bool has_start_ = false, is_start_earlier_ = false;  // recorded by an earlier part of the run
  SnapshotTaken last_taken_;                           // by this part of it
  int changing_turn_ = 0;
  bool is_resumed_ = false;         // with the task that it had
  bool check_comes_first_ = false;  // what the workspace holds may be the result already
  int64_t begin_event_ = 0;         // of this part of the run
  std::stop_token stop_steps_;
  std::atomic<int64_t> tokens_left_{0};
  std::set<int> failed_attempts_;
  std::mutex evidence_mutex_;
  std::optional<tools::Evidence> evidence_;
};

LoopParts TaskRun::parts() {
  LoopParts parts{.session = *session_,
                  .toolbox = *toolbox_,
                  .policy = *policy_,
                  .sandbox = *sandbox_,
                  .memory = {},
                  .workspace = workspace_,
                  .profile = profile_,
                  .checker = {},
                  .edit_ranker = {},
                  .rank_edits = opinion_.rank,
                  .edit_ranking = options_.edit_ranking,
                  .check_command = options_.verify,
                  .evidence = std::bind_front(&TaskRun::evidence, this),
                  .tokens_left = options_.tokens_total_max > 0 ? &tokens_left_ : nullptr,
                  .before_change = {}, .after_change = {},
                  .approve = environment_.approve,
                  .ask = environment_.ask,
                  .hooks = hooks_.get()};
  if (!options_.verify.empty()) parts.checker = [this]() -> const Checker& { return checker(); };
  if (memory_) {
    parts.memory = [this]() -> memory::Memory& {
      if (memory_writer_) memory_writer_->settle();
      return *memory_;
    };
  }
  if (!edit_tables_.empty()) {
    parts.edit_ranker = [this]() -> const tools::EditRanker& { return edit_ranker(); };
  }
  return parts;
}

// Nothing of it is done for a run that only reads.
bool TaskRun::record_start() {
  if (has_start_) return false;
  start_snapshot_ = store_.take();
  record_snapshot(0, start_snapshot_, false);
  has_start_ = true;
  return true;
}

const Checker& TaskRun::checker() {
  const std::scoped_lock guard(checker_mutex_);
  if (!checker_) {
    record_start();
    const auto policy = make_policy(false);
    checker_ = make_run_checker(
        {options_, environment_.paths, *policy, *sandbox_, workspace_, store_, scratch_.path()},
        start_snapshot_, is_start_earlier_);
  }
  return *checker_;
}

// What the check shows at the start of the run, once; attempts share it.
const tools::Evidence& TaskRun::evidence(bool has_untrusted) {
  const std::scoped_lock guard(evidence_mutex_);
  if (!evidence_.has_value() && !options_.verify.empty()) {
    CheckRan run;
    evidence_ = checker().evidence(workspace_, options_.task, has_untrusted, run, stop_steps_);
    if (!run.command.empty()) session_->append(run);
  } else if (!evidence_.has_value()) {
    tools::find_mentions(options_.task, workspace_, evidence_.emplace());
  }
  return *evidence_;
}

// Loaded when the first edit is to be suggested; attempts share it.
const tools::EditRanker& TaskRun::edit_ranker() {
  const std::scoped_lock guard(edit_ranker_mutex_);
  if (!edit_ranker_) {
    edit_ranker_ =
        own_part(Code::unsupported, [&] { return tools::EditRanker::load(edit_tables_); });
  }
  return *edit_ranker_;
}

// From here on every failure is a result.
RunResult TaskRun::conduct(const std::function<StartPoint()>& prepare, std::stop_token outer) {
  RunResult result;
  result.session = session_->id();
  result.session_log = session_->log_path().string();
  const Deadline deadline({outer, environment_.stop_steps}, options_.time_max_s);
  stop_steps_ = deadline.wish().stop_steps;
  tokens_left_ = options_.tokens_total_max;
  try {
    drive(result, prepare(), deadline.wish().stop);
  } catch (const Error& error) {
    result.status = "error";
    result.message = error.what();
    if (error.code() == Code::cancelled) {
      result.status = deadline.is_over() ? "limit" : "interrupted";
    }
    if (deadline.is_over()) {
      result.message =
          "stopped after " + std::to_string(options_.time_max_s) + " seconds (--time-max)";
    }
    result.exit_code = error.code() == Code::device ? 5 : exit_code_of(result.status, false);
  } catch (const std::exception& error) {  // the standard library or a third party
    result.status = "error";
    result.message = error.what();
  }
  try {
    finish(result);
  } catch (const std::exception& error) {  // the disk is full, say: the log lacks its end
    result.status = "error";
    result.exit_code = exit_code_of(result.status, false);
    result.message = std::string("the end of the run could not be recorded: ") + error.what() +
                     "; what was recorded before is kept";
  }
  return result;
}

// The check over the workspace as it stands. True: it is the end of the run.
bool TaskRun::check_decides(RunResult& result, bool has_untrusted, std::stop_token stop) {
  const CheckResult now = checker().verify(workspace_, has_untrusted, stop);
  session_->append(now.run);
  if (now.originals.has_value()) session_->append(*now.originals);
  return settle_early(result, now, profile_.calls_required);
}

void TaskRun::drive(RunResult& result, StartPoint from, std::stop_token stop) {
  if (hooks_) hooks_->begin(*session_, options_.task, workspace_, stop);
  if (check_comes_first_ && check_decides(result, from.before.has_untrusted, stop)) return;
  const int count = attempts_of(options_, profile_);
  const bool is_forked = makes_attempts(options_, profile_);
  LoopParts shared = parts();
  LoopOptions loop_settings = loop_options(from.turns_done);
  if (loop_settings.checks_max == 0) loop_settings.checks_max = is_forked ? 1 : kChecksAlone;
  loop_settings.stop_before_write = is_forked;
  if (is_forked) loop_settings.temperature = 0;
  shared.stop_steps = stop_steps_;
  shared.before_change = [this](int turn) {
    if (changing_turn_ == turn) return reopen_change();
    left_behind_.begin();
    if (!options_.verify.empty()) checker();  // it keeps the ignored files as they are before
    const Snapshot now = record_start() ? start_snapshot_ : store_.take();
    if (is_change_open()) record_snapshot(changing_turn_, now, true);
    record_snapshot(turn, now, false);
    changing_turn_ = turn;
  };
  shared.after_change = [this](int turn, bool runs_on) {
    const std::string note = join(left_behind_.clear(), "; ");
    record_snapshot(turn, store_.take(), true);
    if (runs_on) reopen_change();
    const std::scoped_lock guard(evidence_mutex_);
    evidence_.reset();  // it was about the state before
    return note;
  };
  AgentLoop loop(shared, loop_settings, std::move(provider_));
  struct Bookkeeping {  // also when the loop throws
    const TaskRun& run;
    RunResult& result;
    AgentLoop& loop;
    ~Bookkeeping() {
      result.tokens += loop.tokens();
      result.decode = loop.shared_conversation().decode_counts();
      keep_state(loop.shared_conversation(), run.environment_.paths.state(), run.session_->id());
    }
  } bookkeeping{*this, result, loop};
  const StopReason reason = loop.run(std::move(from), stop);
  result.context = loop.shared_conversation().context({});
  if (reason == StopReason::before_write) {
    const bool is_repair = profile_.calls_required && needs_no_repair(session_->events());
    if (is_repair && check_decides(result, loop.before().has_untrusted, stop)) return;
    run_fork(result, loop, count, stop);
  } else {
    settle(result, reason, loop, options_);
  }
}

void TaskRun::run_fork(RunResult& result, AgentLoop& loop, int count, std::stop_token stop) {
  AttemptsOptions attempts;
  attempts.count = count;
  attempts.parallel_max = std::max(int(std::thread::hardware_concurrency()),
                                   loop.shared_conversation().together_max());
  attempts.finished = failed_attempts_;
  attempts.scratch = scratch_.path();
  attempts.check_time_first = first_check_time(session_->events());
  attempts.check_time_max = std::chrono::seconds(options_.check_time_max_s);
  changing_turn_ = loop.turns() + 1;
  checker();
  LoopOptions settings = loop_options(loop.turns());
  if (settings.checks_max == 0) settings.checks_max = 1;
  settings.temperature = 0;
  const AttemptsResult tried = run_attempts(
      loop, parts(), settings, attempts, [this](const Winner& winner) { apply(winner); }, stop);
  settle_attempts(result, tried, count);
}

// The winner's changes; what others changed meanwhile in the same files stands in the way.
void TaskRun::apply(const Winner& winner) {
  const std::vector<std::string> clashes = conflicts(winner.fork, workspace_, winner.changed);
  if (!clashes.empty()) {
    fail(Code::denied,
         "these files changed during the run, so the verified change was not applied: " +
             join(clashes, ", ") + "; its diff is in the session");
  }
  left_behind_.begin();
  record_snapshot(changing_turn_, store_.take(), false);
  apply_changes(winner.copy, workspace_, winner.changed);
  left_behind_.clear();
  record_snapshot(changing_turn_, store_.take(), true);
}

void TaskRun::finish(RunResult& result) {
  if (result.status != "error") {
    result.exit_code = exit_code_of(result.status, result.check.has_value());
  }
  if (opinion_.tokens) result.ranking_tokens = opinion_.tokens();
  if (is_change_open()) {
    left_behind_.clear();
    record_snapshot(changing_turn_, store_.take(), true);
  }
  result.cleared = left_behind_.cleared();
  if (!result.cleared.empty()) result.message += "; " + join(result.cleared, "; ");
  const std::vector<Event> events = session_->events();
  count_events(result, events, begin_event_);
  std::vector<ChangedPath> changes =
      session_changes(events, store_, {.since_event = last_run_event(events)});
  const std::vector<std::string> kept =
      changes.empty() ? std::vector<std::string>() : kept_files(workspace_);
  // What git ignores is no change of the run's: caches come and go.
  std::erase_if(changes, [&](const ChangedPath& change) {
    return !change.is_certain || (fs::exists(fs::symlink_status(workspace_.root() / change.path)) &&
                                  !std::binary_search(kept.begin(), kept.end(), change.path));
  });
  for (const ChangedPath& change : changes) result.changed_files.push_back(change.path);
  result.diff = changes_diff(store_, changes);
  session_->append(RunEnded{dump_json(result_to_json(result))});
  left_behind_.end();
  if (hooks_) hooks_->end(*session_, result, workspace_);
  try {
    if (!memory_) return;
    if (memory_writer_ && !memory_writer_->settle()) {
      for (const Event& event : session_->events()) {
        remember_event(*memory_, session_->id(), event);
      }
    }
    remember_result(*memory_, result, said_, environment_.clock());
  } catch (const Error& error) {  // the run itself is over and recorded
    log::warning("run", "the outcome was not remembered", {{"reason", error.what()}});
  }
}

RunResult TaskRun::resume(const ResumeOptions& resume, std::unique_ptr<Session> session,
                          std::stop_token stop) {
  session_ = std::move(session);
  TokenCounts rebuilt;
  RunResult result = conduct([&] { return pick_up(resume, rebuilt); }, stop);
  result.tokens += rebuilt;
  return result;
}

// What stands in the workspace when the session goes on: what others have changed is recorded, and
// with --restore put back. Where no state was recorded, what was read tells.
Resumed TaskRun::find_workspace(const ResumeOptions& resume, std::span<const Event> events,
                                const CutOff& end) {
  const std::string last = last_tree(events), first = start_tree(events);
  Resumed resumed;
  if (last.empty()) {
    resumed.changed_files = changed_since_read(workspace_, end.from.state);
    session_->append(resumed);
    return resumed;
  }
  const Snapshot found = store_.take();
  resumed.found_tree = found.tree;
  store_.pin(found.tree, session_->id() + "/found-" + found.tree.substr(0, 12));
  if (last != found.tree) resumed.changed_files = changed_paths(store_.load(last), found);
  session_->append(resumed);
  session_->append(SnapshotTaken{-1, found.tree, found.left_out_texts, false});
  if (resume.restore && last != found.tree) {
    store_.restore(store_.load(last));
    session_->append(WorkspaceRestored{last, "restore", end.from.turns_done});
    resumed.changed_files.clear();
  }
  // What stands there when a further task begins is the person's, not that task's.
  if (!is_resumed_ || first.empty()) return resumed;
  start_snapshot_ = store_.load(first);
  has_start_ = is_start_earlier_ = true;
  return resumed;
}

// Where an earlier run of this session ended; a further task begins there anew.
StartPoint TaskRun::pick_up(const ResumeOptions& resume, TokenCounts& rebuilt) {
  const std::vector<Event> events = session_->events();
  if (!events.empty()) begin_event_ = events.back().sequence + 1;
  // What was logged, and not remembered before the end; again is no harm.
  for (const Event& event : events) remember(event);
  const std::vector<Event> standing = standing_events(events);
  CutOff end = find_cut_off(standing);
  end.from.turns_done = find_cut_off(events).from.turns_done;  // no number is given twice
  const bool is_new_task = !resume.task.empty();
  is_resumed_ = !is_new_task;
  if (is_new_task) {
    options_.task = resume.task;
    for (const ToolCall& call : end.from.unstarted.calls) end.interrupted.push_back(call.id);
    // A narrow model takes each task for its first.
    const tools::ToolState state = profile_.calls_required ? tools::ToolState{} : end.from.state;
    const policies::Before before = {.has_untrusted = end.from.before.has_untrusted};
    end.from = StartPoint{{}, state, end.from.turns_done, {}, false, resume.compact, {}, before};
  } else {
    failed_attempts_ = end.failed_attempts;
  }
  for (const std::string& id : end.interrupted) {
    session_->append(CallInterrupted{id});
    session_->append(MessageAdded{{Role::tool, "interrupted: the call was cut off", {}, id}});
  }
  if (is_new_task) append_start();
  const Resumed resumed = find_workspace(resume, events, end);
  check_comes_first_ =
      !options_.verify.empty() && !is_new_task &&
      (ends_with_pass(events) || (profile_.calls_required && !resumed.changed_files.empty()));
  begin_provider();
  const std::vector<Message> messages =
      session_messages(session_->events(), -1, end.from.unstarted);
  const fs::path states = environment_.paths.state(), saved = state_path(states, session_->id());
  touch_state(states, session_->id());
  // Another model reads everything anew.
  const bool is_other = session_model(events) != options_.model;
  rebuilt = provider_->restore(is_other ? fs::path() : saved, messages,
                               counted_tokens(session_->token_log(), session_->events()));
  if (end.has_task && !resumed.changed_files.empty()) {
    const std::string note = "Since the last step these files changed: " +
                             join(resumed.changed_files, ", ") + ".";
    end.from.added.push_back({Role::user, note, {}, {}, true});
    end.from.check_is_owed = false;
  }
  if (!end.has_task || is_new_task) end.from.added.push_back(first_message());
  return end.from;
}

}  // namespace

RunResult run_task(const RunOptions& options, const RunEnvironment& environment,
                   std::stop_token stop) {
  TaskRun run(with_project(options, environment.paths), environment);
  return run.start(stop);
}

RunResult resume_task(const ResumeOptions& resume, const RunEnvironment& environment,
                      std::stop_token stop) {
  const std::string id = find_session(environment.paths.sessions(), resume.session);
  TaskRun* run_pointer = nullptr;
  auto session =
      Session::open(environment.paths.sessions(), id, environment.clock, [&](const Event& event) {
        if (run_pointer != nullptr) run_pointer->observe(event);
      });
  const std::vector<Event> events = session->events();
  std::optional<SessionStarted> start;  // of the last task
  for (const Event& event : events) {
    if (const auto* started = std::get_if<SessionStarted>(&event.body)) start = *started;
  }
  if (!start.has_value()) {
    fail(Code::invalid, "session " + id + " ended before it began: start a new run");
  }
  RunOptions options = options_from_json(parse_json(start->options, "options of session " + id));
  if (!resume.model.empty()) options.model = resume.model;
  TaskRun run(options, environment);
  run_pointer = &run;
  return run.resume(resume, std::move(session), stop);
}

}  // namespace corvid::runtime
