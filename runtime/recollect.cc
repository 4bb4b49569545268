#include "runtime/recollect.h"

#include <exception>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/embedder.h"
#include "runtime/memory_model.h"
#include "runtime/memory_settings.h"
#include "runtime/session.h"
#include "runtime/workspace_history.h"

namespace corvid::runtime {
namespace {

constexpr size_t kDiffBytesRemembered = 4 << 10;
constexpr int kCellsAfterRun = 4;

std::string spoken(const Message& message) {
  std::string text = message.content;
  for (const ToolCall& call : message.calls) {
    if (!text.empty()) text += "\n";
    text += call.name + " " + call.arguments;
  }
  return text;
}

std::unique_ptr<memory::Memory> open_with(const MemorySettings& settings, const Paths& paths,
                                          const std::filesystem::path& workspace,
                                          memory::Complete complete) {
  memory::MemoryConfig config;
  config.location = settings.store;
  config.durability = settings.durability;
  config.scope.project = workspace.string();
  memory::Ports ports = memory_ports(paths, settings.embedder);
  ports.complete = std::move(complete);
  ports.model = settings.model;
  return std::make_unique<memory::Memory>(config, std::move(ports));
}

bool reads_web(const Event& event) {
  const auto* added = std::get_if<MessageAdded>(&event.body);
  return added != nullptr && added->message.is_untrusted;
}

bool is_remembered(const Event& event) {
  const auto* added = std::get_if<MessageAdded>(&event.body);
  return added != nullptr && event.attempt < 0 && !added->message.is_note;
}

}  // namespace

std::optional<std::string> reply_of(const Event& event) {
  const auto* added = std::get_if<MessageAdded>(&event.body);
  if (added == nullptr || event.attempt >= 0 || added->message.role != Role::assistant) {
    return std::nullopt;
  }
  return spoken(added->message);
}

std::unique_ptr<memory::Memory> open_memory(const Paths& paths,
                                            const std::filesystem::path& workspace) {
  return open_with(read_memory_settings(paths), paths, workspace, {});
}

void consolidate_after_run(const Paths& paths, const std::filesystem::path& session_log,
                           std::stop_token stop) {
  try {
    const MemorySettings settings = read_memory_settings(paths);
    if (!settings.consolidates_after_runs || session_log.empty()) return;
    const std::optional<SessionStarted> start = session_start(read_events(session_log));
    if (!start) return;
    const auto memory =
        open_with(settings, paths, start->workspace, memory_model(settings.model, paths, stop));
    if (memory->is_paused()) return;
    memory->consolidate({.scope = memory->scope()},
                        {.cells_max = kCellsAfterRun, .stop = stop, .progress = {}});
  } catch (const Error& error) {  // edge: the run is over, and memory is whole without it
    log::warning("run", "the model told nothing to memory", {{"reason", error.what()}});
  }
}

Recalled recall_for(const memory::Memory& memory, const RunOptions& options,
                    const std::string& session) {
  if (memory.is_paused()) return {};
  memory::RecallOptions recall;
  recall.budget_tokens = options.memory_budget_tokens;
  recall.exclude_session = session;
  const memory::Recall found = memory.recall(options.task, recall);
  if (found.support < memory::kSupportLow && found.hits.empty()) return {};
  return {found.context, memory::holds_web_text(found)};
}

void remember_event(memory::Memory& memory, const std::string& session, const Event& event) {
  // An attempt that read it may be the one that wins.
  if (reads_web(event)) memory.mark_untrusted(session);
  if (!is_remembered(event)) return;
  const Message& message = std::get<MessageAdded>(event.body).message;
  memory::NewTurn turn;
  turn.session = session;
  turn.external_id = session + "/" + std::to_string(event.sequence);
  turn.role = role_name(message.role);
  turn.speaker = message.role == Role::assistant ? "corvid" : role_name(message.role);
  turn.channel = message.role == Role::tool ? "tool" : "run";
  if (message.role == Role::tool && message.is_untrusted) turn.tier = memory::Tier::web;
  turn.said_at = event.at;
  turn.text = spoken(message);
  turn.kind = memory::SessionKind::agent;
  memory.remember(turn);
}

MemoryWriter::MemoryWriter(memory::Memory& memory, std::string session)
    : memory_(memory), session_(std::move(session)), thread_([this] { work(); }) {}

MemoryWriter::~MemoryWriter() {
  {
    const std::scoped_lock guard(mutex_);
    is_over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void MemoryWriter::add(const Event& event) {
  if (!is_remembered(event) && !reads_web(event)) return;
  {
    const std::scoped_lock guard(mutex_);
    if (is_behind_) return;
    waiting_.push_back(event);
  }
  changed_.notify_all();
}

bool MemoryWriter::settle() {
  std::unique_lock guard(mutex_);
  changed_.wait(guard, [&] { return waiting_.empty() && !is_writing_; });
  return !is_behind_;
}

void MemoryWriter::work() {
  std::unique_lock guard(mutex_);
  for (;;) {
    changed_.wait(guard, [&] { return is_over_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const std::vector<Event> events = std::exchange(waiting_, {});
    is_writing_ = true;
    guard.unlock();
    std::string refusal;
    try {
      for (const Event& event : events) remember_event(memory_, session_, event);
    } catch (const std::exception& error) {  // the run goes on; its end writes what is missing
      refusal = error.what();
    }
    guard.lock();
    is_writing_ = false;
    if (!refusal.empty()) {
      is_behind_ = true;
      waiting_.clear();
      log::warning("run", "memory takes nothing now; once more at the end", {{"reason", refusal}});
    }
    changed_.notify_all();
  }
}

void remember_result(memory::Memory& memory, const RunResult& result, std::string_view said,
                     Time now) {
  const bool is_said = said.find(trim(result.message)) != std::string_view::npos;
  if (is_said && !result.check && result.diff.empty() && result.status == "unverified") {
    memory.close_session(result.session);
    return;
  }
  memory::NewTurn turn;
  turn.session = result.session;
  turn.external_id = result.session + "/result/" + format_time(now);
  turn.role = "assistant";
  turn.speaker = "corvid";
  turn.channel = "run";
  turn.said_at = now;
  turn.kind = memory::SessionKind::agent;
  turn.text = "Outcome of the run: " + result.status + ".";
  if (!is_said) turn.text += " " + result.message;
  if (!result.diff.empty()) {
    turn.text += "\n" + head_and_tail(result.diff, kDiffBytesRemembered);
  }
  memory.remember(turn);
  memory.close_session(result.session);
}

}  // namespace corvid::runtime
