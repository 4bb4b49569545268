#include "runtime/task_run.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "policies/policy.h"
#include "runtime/agent_loop.h"
#include "runtime/attempts.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/prompt.h"
#include "runtime/recollect.h"
#include "runtime/workspace_history.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

constexpr int kChecksAlone = 4;
constexpr int64_t kToolOutputBytes = 16 << 10;

// Stops a run after a time; tells afterwards whether it did.
class Deadline {
 public:
  Deadline(std::stop_source& source, int64_t seconds)
      : thread_([this, &source, seconds](std::stop_token stop) {
          std::unique_lock lock(mutex_);
          if (!changed_.wait_for(lock, stop, std::chrono::seconds(seconds), [] { return false; }) &&
              !stop.stop_requested()) {
            is_over_ = true;
            source.request_stop();
          }
        }) {}
  bool is_over() const { return is_over_; }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::atomic<bool> is_over_{false};
  std::jthread thread_;
};

class TaskRun {
 public:
  TaskRun(RunOptions options, const RunEnvironment& environment)
      : options_(std::move(options)),
        environment_(environment),
        workspace_(options_.workspace),
        lock_(take_lock()),
        sandbox_(sandbox::make_sandbox(environment.sandbox)),
        store_(snapshot_folder(environment.paths, workspace_.root()), workspace_.root()) {
    ProviderOptions provider;
    provider.models_folder = environment_.paths.models();
    provider.on_tokens = [this](const EvaluatedTokens& evaluated) {
      if (session_) session_->append_tokens(evaluated);
    };
    const std::string model = options_.model.empty()
                                  ? find_shared_file(environment_.paths, "fledgling.gguf").string()
                                  : options_.model;
    provider_ = make_provider(model, provider);
    profile_ = provider_->profile();
    opinion_ = provider_->edit_opinion();
    toolbox_ = std::make_unique<tools::Toolbox>(profile_.tools);
    policy_ = make_policy();
    if (toolbox_->find("suggest_edits") != nullptr) {
      edit_ranker_ = tools::EditRanker::load(find_shared_file(environment_.paths, "python.tables"));
    }
    if (options_.use_memory) memory_ = open_memory(environment_.paths, workspace_.root());
  }

  RunResult start(std::stop_token stop) {
    session_ = Session::create(environment_.paths.sessions(), environment_.clock,
                               [this](const Event& event) { observe(event); });
    session_->append(SessionStarted{kSessionFormat, session_->id(), workspace_.root().string(),
                                    options_.task, dump_json(options_to_json(options_)),
                                    sandbox_->describe()});
    begin_provider();
    start_snapshot_ = store_.take();
    record_snapshot(0, start_snapshot_, false);
    StartPoint from;
    from.added.push_back(first_message());
    return conduct(std::move(from), stop);
  }

  RunResult resume(const ResumeOptions& resume, std::unique_ptr<Session> session,
                   std::stop_token stop);

  void observe(const Event& event) {
    if (memory_) remember_event(*memory_, session_id(), event);
    if (environment_.on_event) environment_.on_event(event);
  }

 private:
  std::unique_ptr<FileLock> take_lock() const {
    fs::create_directories(environment_.paths.data / "locks");
    return std::make_unique<FileLock>(workspace_lock_path(environment_.paths, workspace_.root()),
                                      "another run is under way in " + workspace_.root().string() +
                                          ": wait for it, or stop it first");
  }

  std::string session_id() const { return session_ ? session_->id() : resumed_id_; }

  std::unique_ptr<policies::Policy> make_policy() const {
    policies::PolicyConfig config;
    config.mode = policies::parse_mode(options_.mode);
    config.workspace = workspace_.shown_as();
    for (const std::string& folder : options_.allow_read) {
      config.allow_read.push_back(fs::canonical(folder));
    }
    config.allow_hosts = options_.allow_host;
    config.base = sandbox::system_profile();
    // A check that the model runs must not leave byte code in the workspace.
    config.base.environment.push_back("PYTHONDONTWRITEBYTECODE=1");
    return policies::make_policy_chain(config);
  }

  void begin_provider() {
    const std::string system =
        profile_.system.empty() ? std::string(system_text()) : profile_.system;
    const std::vector<ToolDeclaration> tools = declare_tools(*toolbox_, profile_);
    provider_->start(system, tools);
  }

  Message first_message() const {
    const std::string recalled =
        memory_ ? recall_for(*memory_, options_, session_->id()) : std::string();
    return {Role::user, task_message(options_.task, options_.verify, recalled), {}, {}};
  }

  void record_snapshot(int turn, const Snapshot& snapshot, bool after) {
    store_.pin(snapshot.tree, session_->id() + "/" + snapshot.tree.substr(0, 12));
    session_->append(SnapshotTaken{turn, snapshot.tree, snapshot.left_out, after});
    recorded_tree_ = snapshot.tree;
  }

  LoopParts parts();
  LoopOptions loop_options(int turns_done) const;
  RunResult conduct(StartPoint from, std::stop_token stop);
  void make_checker();
  const tools::Evidence& evidence();
  void apply(const tools::Workspace& winner);
  void drive(RunResult& result, StartPoint from, std::stop_token stop);
  void run_fork(RunResult& result, AgentLoop& loop, int count, std::stop_token stop);
  void settle(RunResult& result, StopReason reason, AgentLoop& loop);
  void finish(RunResult& result);
  void save_state(const Provider& provider) const;
  StartPoint cut_off(const std::vector<Event>& events);

  RunOptions options_;
  const RunEnvironment& environment_;
  tools::Workspace workspace_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<sandbox::Sandbox> sandbox_;
  SnapshotStore store_;
  std::unique_ptr<memory::Memory> memory_;
  std::string resumed_id_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<Provider> provider_;
  ModelProfile profile_;
  EditOpinion opinion_;
  std::unique_ptr<tools::Toolbox> toolbox_;
  std::unique_ptr<policies::Policy> policy_;
  std::unique_ptr<tools::EditRanker> edit_ranker_;
  std::unique_ptr<Checker> checker_;
  Snapshot start_snapshot_;
  std::string recorded_tree_;
  int changing_turn_ = 0;
  std::vector<int> finished_attempts_;
  std::mutex evidence_mutex_;
  std::optional<tools::Evidence> evidence_;
};

LoopParts TaskRun::parts() {
  LoopParts parts{.session = *session_,
                  .toolbox = *toolbox_,
                  .policy = *policy_,
                  .sandbox = *sandbox_,
                  .memory = memory_.get(),
                  .workspace = workspace_,
                  .profile = profile_,
                  .checker = options_.verify.empty() ? nullptr : checker_.get(),
                  .edit_ranker = edit_ranker_.get(),
                  .rank_edits = opinion_.rank,
                  .edit_ranking = options_.edit_ranking,
                  .check_command = options_.verify,
                  .evidence = [this]() -> const tools::Evidence& { return evidence(); },
                  .before_change = {},
                  .after_change = {}};
  return parts;
}

LoopOptions TaskRun::loop_options(int turns_done) const {
  LoopOptions loop;
  loop.turns_max = turns_done + options_.turns_max;
  loop.tokens_max = options_.tokens_max;
  loop.seed = options_.seed;
  loop.tool_output_bytes =
      profile_.tool_output_bytes > 0 ? profile_.tool_output_bytes : kToolOutputBytes;
  loop.checks_max = options_.checks_max;
  return loop;
}

void TaskRun::make_checker() {
  CheckerOptions check;
  check.command = options_.verify;
  check.time_max = std::chrono::seconds(options_.check_time_max_s);
  check.profile = sandbox::system_profile();
  for (const std::string& folder : options_.allow_read) {
    check.profile.read_roots.push_back(fs::canonical(folder));
  }
  auto ignored = std::make_shared<const IgnoredFiles>(workspace_);
  for (const std::string& path : ignored->left_out()) {
    log::warning("verify", "ignored file too large for the clean copy", {{"path", path}});
  }
  checker_ = std::make_unique<Checker>(*sandbox_, check, store_, start_snapshot_, ignored);
}

// What the check shows at the start of the run, once; attempts share it.
const tools::Evidence& TaskRun::evidence() {
  const std::scoped_lock guard(evidence_mutex_);
  if (!evidence_.has_value()) {
    CheckRan run;
    evidence_ = checker_->evidence(workspace_, options_.task, run, {});
    if (!run.command.empty()) session_->append(run);
  }
  return *evidence_;
}

RunResult TaskRun::conduct(StartPoint from, std::stop_token outer) {
  RunResult result;
  result.session = session_->id();
  result.session_log = session_->log_path().string();
  std::stop_source source;
  const std::stop_callback forward(outer, [&source] { source.request_stop(); });
  const Deadline deadline(source, options_.time_max_s);
  try {
    make_checker();
    drive(result, std::move(from), source.get_token());
  } catch (const Error& error) {
    result.status = "error";
    if (error.code() == Code::cancelled) {
      result.status = deadline.is_over() ? "limit" : "interrupted";
    }
    result.exit_code = error.code() == Code::device ? 5 : exit_code_of(result.status, false);
    result.message = deadline.is_over() ? "stopped after " + std::to_string(options_.time_max_s) +
                                              " seconds (--time-max)"
                                        : error.what();
  }
  finish(result);
  return result;
}

void TaskRun::drive(RunResult& result, StartPoint from, std::stop_token stop) {
  const int count = options_.attempts > 0     ? options_.attempts
                    : options_.verify.empty() ? 1
                                              : profile_.attempts;
  LoopParts shared = parts();
  LoopOptions loop_settings = loop_options(from.turns_done);
  if (loop_settings.checks_max == 0) loop_settings.checks_max = count > 1 ? 1 : kChecksAlone;
  loop_settings.stop_before_write = count > 1;
  if (count > 1) loop_settings.temperature = 0;
  int snapshot_turn = -1;
  AgentLoop* loop_pointer = nullptr;
  shared.before_change = [&] {
    if (snapshot_turn == loop_pointer->turns()) return;
    snapshot_turn = loop_pointer->turns();
    const Snapshot now = store_.take();
    record_snapshot(snapshot_turn, now, false);
  };
  shared.after_change = [&] {
    const Snapshot now = store_.take();
    if (now.tree != recorded_tree_) record_snapshot(loop_pointer->turns(), now, true);
  };
  AgentLoop loop(shared, loop_settings, std::move(provider_));
  loop_pointer = &loop;
  struct Bookkeeping {  // also when the loop throws
    RunResult& result;
    AgentLoop& loop;
    ~Bookkeeping() {
      result.turns += loop.turns();
      result.tokens += loop.tokens();
    }
  } bookkeeping{result, loop};
  const StopReason reason = loop.run(std::move(from), stop);
  changing_turn_ = loop.turns();
  if (reason == StopReason::before_write) {
    run_fork(result, loop, count, stop);
  } else {
    settle(result, reason, loop);
    save_state(loop.provider());
  }
}

void TaskRun::run_fork(RunResult& result, AgentLoop& loop, int count, std::stop_token stop) {
  AttemptsOptions attempts;
  attempts.count = count;
  attempts.parallel_max = int(std::max(1u, std::thread::hardware_concurrency()));
  attempts.finished = finished_attempts_;
  LoopOptions settings = loop_options(loop.turns());
  if (settings.checks_max == 0) settings.checks_max = 1;
  settings.temperature = 0;
  const AttemptsResult tried = run_attempts(
      loop, parts(), settings, attempts, [this](const tools::Workspace& winner) { apply(winner); },
      stop);
  result.tokens += tried.tokens;
  result.attempts_tried = tried.tried;
  result.attempts_winner = tried.winner;
  const AttemptOutcome* last = nullptr;
  for (const AttemptOutcome& outcome : tried.outcomes) {
    if (tried.winner.has_value() ? outcome.index == *tried.winner : outcome.index == 0) {
      last = &outcome;
    }
    result.turns += outcome.turns - loop.turns();
  }
  result.status = tried.winner.has_value() ? "verified" : "failed";
  if (last != nullptr && last->check.has_value()) result.check = last->check->run;
  if (tried.winner.has_value()) {
    result.message = "verified: attempt " + std::to_string(*tried.winner) + " of " +
                     std::to_string(count) + " passes the check";
    return;
  }
  if (last != nullptr && options_.verify.empty()) {
    result.status = last->was_denied ? "denied" : "unverified";
  }
  result.message = "none of " + std::to_string(tried.tried) +
                   " attempts passes the check; the workspace is as it was. Their diffs are in the "
                   "session's log: corvid sessions show " +
                   session_->id();
}

void TaskRun::settle(RunResult& result, StopReason reason, AgentLoop& loop) {
  if (loop.last_check().has_value()) {
    result.check = loop.last_check()->run;
    result.changed_tests = loop.last_check()->changed_tests;
  }
  switch (reason) {
    case StopReason::verified:
      result.status = "verified";
      result.message = "verified: the check passes in a clean copy";
      break;
    case StopReason::unverified:
      result.status = "unverified";
      result.message = "unverified: the check passes only with changed test or build files: " +
                       join(result.changed_tests, ", ");
      break;
    case StopReason::check_failed:
      result.status = "failed";
      result.message = "failed: the check does not pass (exit code " +
                       std::to_string(result.check.has_value() ? result.check->exit_code : 1) + ")";
      break;
    case StopReason::done:
      result.status = loop.was_denied() ? "denied" : "unverified";
      result.message = loop.last_text().empty() ? "done; no check was asked for" : loop.last_text();
      break;
    case StopReason::turn_limit:
    case StopReason::stuck:
      result.status = "limit";
      result.message =
          reason == StopReason::stuck
              ? "stopped: the model repeats itself without progress"
              : "stopped after " + std::to_string(options_.turns_max) + " turns (--max-turns)";
      break;
    case StopReason::before_write:
      break;  // run_fork speaks for it
  }
}

// The winner's changes, file by file; a workspace that others changed meanwhile is left alone.
void TaskRun::apply(const tools::Workspace& winner) {
  const Snapshot now = store_.take();
  if (now.tree != recorded_tree_) {
    const std::vector<std::string> changed = changed_paths(store_.load(recorded_tree_), now);
    fail(Code::denied, "the workspace changed during the run (" + join(changed, ", ") +
                           "): the verified change was not applied; its diff is in the session");
  }
  record_snapshot(changing_turn_ + 1, now, false);
  std::vector<std::string> paths = kept_files(workspace_), others = kept_files(winner);
  paths.insert(paths.end(), others.begin(), others.end());
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  for (const std::string& path : paths) {
    const auto before = workspace_.read(path), after = winner.read(path);
    if (before == after) continue;
    if (after.has_value()) {
      workspace_.write(path, *after);
    } else {
      fs::remove(workspace_.root() / path);
    }
  }
  record_snapshot(changing_turn_ + 1, store_.take(), true);
}

void TaskRun::save_state(const Provider& provider) const {
  fs::create_directories(environment_.paths.state());
  provider.save(environment_.paths.state() / (session_->id() + ".state"));
}

void TaskRun::finish(RunResult& result) {
  if (result.status != "error") {
    result.exit_code = exit_code_of(result.status, result.check.has_value());
  }
  if (opinion_.tokens) result.ranking_tokens = opinion_.tokens();
  const std::vector<Event> events = session_->events();
  for (const Event& event : events) {
    const auto* check = std::get_if<CheckRan>(&event.body);
    if (check != nullptr && check->purpose == "verify") ++result.checks_run;
  }
  const std::string first = start_tree(events), last = last_tree(events);
  if (!first.empty() && first != last) {
    // What git ignores is no change of the run's: caches come and go.
    Snapshot before = store_.load(first), after = store_.load(last);
    const std::vector<std::string> kept = kept_files(workspace_);
    const std::vector<std::string> all_changed = changed_paths(before, after);
    for (const std::string& path : all_changed) {
      if (std::binary_search(kept.begin(), kept.end(), path) || !after.files.contains(path)) {
        result.changed_files.push_back(path);
      }
    }
    for (Snapshot* side : {&before, &after}) {
      std::erase_if(side->files, [&](const auto& file) {
        return !std::binary_search(result.changed_files.begin(), result.changed_files.end(),
                                   file.first);
      });
    }
    result.diff = snapshot_diff(store_, before, after);
  }
  session_->append(RunEnded{dump_json(result_to_json(result))});
  if (memory_) remember_result(*memory_, result, environment_.clock());
}

RunResult TaskRun::resume(const ResumeOptions& resume, std::unique_ptr<Session> session,
                          std::stop_token stop) {
  session_ = std::move(session);
  std::vector<Event> events = session_->events();
  StartPoint from = cut_off(events);
  if (!resume.task.empty()) finished_attempts_.clear();
  Snapshot found = store_.take();
  const std::string last = last_tree(session_->events());
  Resumed resumed{{}, found.tree};
  store_.pin(found.tree, session_->id() + "/found-" + found.tree.substr(0, 12));
  if (!last.empty() && last != found.tree) {
    resumed.changed_files = changed_paths(store_.load(last), found);
  }
  session_->append(resumed);
  session_->append(SnapshotTaken{-1, found.tree, found.left_out, false});
  if (resume.restore && !last.empty() && last != found.tree) {
    store_.restore(store_.load(last));
    session_->append(WorkspaceRestored{last, "restore", from.turns_done});
    found = store_.take();
    resumed.changed_files.clear();
  }
  const std::string first = start_tree(events);
  start_snapshot_ = first.empty() ? found : store_.load(first);
  if (first.empty() || !resume.task.empty()) {
    start_snapshot_ = found;
    record_snapshot(0, found, false);
  } else {
    record_snapshot(from.turns_done, found, true);
  }
  begin_provider();
  const std::vector<Message> messages = session_messages(session_->events(), -1, from.unstarted);
  const fs::path saved = environment_.paths.state() / (session_->id() + ".state");
  const TokenCounts rebuilt = provider_->restore(saved, messages, session_->token_log());
  if (messages.empty()) {
    from.added.push_back(first_message());
  } else if (!resume.task.empty()) {
    options_.task = resume.task;
    const std::string recalled = memory_ ? recall_for(*memory_, options_, session_->id()) : "";
    from.added.push_back(
        {Role::user, task_message(options_.task, options_.verify, recalled), {}, {}});
    from.check_is_owed = false;
  } else if (!resumed.changed_files.empty()) {
    const std::string note = "The run was interrupted; since then these files changed: " +
                             join(resumed.changed_files, ", ") + ".";
    from.added.push_back({Role::user, note, {}, {}});
    from.check_is_owed = false;
  }
  RunResult result = conduct(std::move(from), stop);
  result.tokens += rebuilt;
  return result;
}

// Where the log ends. Calls that were decided but have no result were cut off in the middle, and
// are closed as interrupted; those that nothing was done about are left to the loop.
StartPoint TaskRun::cut_off(const std::vector<Event>& events) {
  StartPoint from;
  std::map<std::string, ToolCall> open;
  std::set<std::string> decided;
  for (const Event& event : events) {
    if (event.attempt >= 0) {
      const auto* ended = std::get_if<AttemptEnded>(&event.body);
      if (ended != nullptr && ended->status == "failed")
        finished_attempts_.push_back(event.attempt);
    } else if (std::holds_alternative<TurnEnded>(event.body)) {
      ++from.turns_done;
    } else if (std::holds_alternative<CheckRan>(event.body)) {
      from.check_is_owed = false;
    } else if (const auto* action = std::get_if<ActionDecided>(&event.body)) {
      decided.insert(action->call_id);
    } else if (const auto* finished = std::get_if<ToolFinished>(&event.body)) {
      if (!finished->state.empty()) from.state = tool_state_from_json(finished->state);
      from.check_is_owed = finished->tool == "finish" && !finished->is_error;
    } else if (const auto* added = std::get_if<MessageAdded>(&event.body)) {
      const Message& message = added->message;
      if (message.role == Role::tool) open.erase(message.call_id);
      for (const ToolCall& call : message.calls) open.emplace(call.id, call);
      if (message.role == Role::user) from.check_is_owed = false;
      if (message.role == Role::assistant && message.calls.empty()) {
        from.check_is_owed = !message.content.empty();
      }
    }
  }
  for (const auto& [id, call] : open) {
    if (decided.contains(id)) {
      session_->append(CallInterrupted{id});
      session_->append(MessageAdded{{Role::tool, "interrupted: the call was cut off", {}, id}});
    } else {
      from.unstarted.calls.push_back(call);
    }
  }
  return from;
}

}  // namespace

RunResult run_task(const RunOptions& options, const RunEnvironment& environment,
                   std::stop_token stop) {
  TaskRun run(options, environment);
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
  const auto start = session_start(events);
  if (!start.has_value()) {
    fail(Code::invalid, "session " + id + " ended before it began: start a new run");
  }
  const RunOptions options =
      options_from_json(parse_json(start->options, "options of session " + id));
  TaskRun run(options, environment);
  run_pointer = &run;
  return run.resume(resume, std::move(session), stop);
}

}  // namespace corvid::runtime
