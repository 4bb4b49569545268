#include "runtime/recollect.h"

#include "runtime/base/text.h"
#include "runtime/embedder.h"
#include "runtime/memory_settings.h"

namespace corvid::runtime {
namespace {

constexpr size_t kDiffBytesRemembered = 4 << 10;

std::string spoken(const Message& message) {
  std::string text = message.content;
  for (const ToolCall& call : message.calls) {
    if (!text.empty()) text += "\n";
    text += call.name + " " + call.arguments;
  }
  return text;
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
  const MemorySettings settings = read_memory_settings(paths);
  memory::MemoryConfig config;
  config.location = settings.store;
  config.durability = settings.durability;
  config.scope.project = workspace.string();
  return std::make_unique<memory::Memory>(config, memory_ports(paths, settings.embedder));
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
  const auto* added = std::get_if<MessageAdded>(&event.body);
  if (added == nullptr || event.attempt >= 0 || added->message.is_note) return;
  const Message& message = added->message;
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
