#include "runtime/cli/item_events.h"

#include <utility>

#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::runtime {
namespace {

// The text that /bin/sh was given.
std::string command_of(const std::string& action) {
  const Json json = parse_json(action, "action");
  if (!json.contains("argv") || json.at("argv").empty()) return "";
  return json.at("argv").back().get<std::string>();
}

// The path of a line "--- a/PATH" or "+++ b/PATH", quoted or not; empty for /dev/null.
std::string path_of(std::string_view line) {
  line.remove_prefix(4);
  if (line == "/dev/null") return "";
  const bool is_quoted = line.starts_with('"');
  return (is_quoted ? "\"" : "") + std::string(line.substr(is_quoted ? 3 : 2));
}

Json changes_of(const std::string& diff) {
  Json changes = Json::array();
  const std::vector<std::string_view> lines = split_lines(diff);
  for (size_t i = 0; i + 1 < lines.size(); ++i) {
    if (!lines[i].starts_with("--- ") || !lines[i + 1].starts_with("+++ ")) continue;
    const std::string before = path_of(lines[i]), after = path_of(lines[i + 1]);
    changes.push_back({{"path", after.empty() ? before : after},
                       {"kind", before.empty()  ? "add"
                                : after.empty() ? "delete"
                                                : "update"}});
  }
  return changes;
}

Json todo_items(const std::string& arguments) {
  Json items = Json::array();
  const Json json = parse_json(arguments, "arguments of plan");
  if (!json.contains("steps")) return items;
  for (const Json& step : json.at("steps")) {
    items.push_back({{"text", json_string_or(step, "step", "")},
                     {"completed", json_string_or(step, "status", "") == "done"}});
  }
  return items;
}

Json item_line(const char* type, Json item, int attempt) {
  if (attempt >= 0) item["attempt"] = attempt;
  return {{"type", type}, {"item", std::move(item)}};
}

}  // namespace

std::vector<Json> ItemEvents::begin(const std::string& session) {
  if (std::exchange(is_begun_, true)) return {};
  const Json thread = {{"type", "thread.started"}, {"thread_id", session}};
  const Json turn = {{"type", "turn.started"}};
  return std::vector<Json>{thread, turn};
}

Json ItemEvents::completed(const std::string& id, const Call& call,
                           const std::string& output) const {
  const bool is_failed = call.is_error || call.is_denied || call.exit_code != 0;
  const char* const status = is_failed ? "failed" : "completed";
  if (!call.command.empty()) {
    return {{"id", id},
            {"type", "command_execution"},
            {"command", call.command},
            {"aggregated_output", output},
            {"exit_code", call.is_denied ? Json() : Json(call.exit_code)},
            {"status", call.is_denied ? "declined" : status}};
  }
  if (!call.diff.empty()) {
    return {{"id", id},
            {"type", "file_change"},
            {"changes", changes_of(call.diff)},
            {"status", status}};
  }
  if (call.tool == "plan" && !is_failed) {
    return {{"id", id}, {"type", "todo_list"}, {"items", todo_items(call.arguments)}};
  }
  return {{"id", id},
          {"type", "mcp_tool_call"},
          {"server", "corvid"},
          {"tool", call.tool},
          {"arguments", call.arguments},
          {"result", is_failed ? Json() : Json(output)},
          {"error", is_failed ? Json{{"message", output}} : Json()},
          {"status", status}};
}

std::vector<Json> ItemEvents::of_message(const Event& event, const Message& message) {
  std::vector<Json> lines;
  if (message.role == Role::assistant) {
    for (const ToolCall& call : message.calls) {
      calls_[call.id].tool = call.name;
      calls_[call.id].arguments = call.arguments;
    }
    const auto add_text = [&](const char* type, const std::string& text) {
      if (text.empty()) return;
      const Json item = {{"id", "text_" + std::to_string(++text_count_)},
                         {"type", type},
                         {"text", text}};
      lines.push_back(item_line("item.completed", item, event.attempt));
    };
    add_text("reasoning", message.reasoning);
    add_text("agent_message", message.content);
  } else if (const auto call = calls_.find(message.call_id);
             message.role == Role::tool && call != calls_.end()) {
    lines.push_back(item_line("item.completed",
                              completed(call->first, call->second, message.content),
                              event.attempt));
    calls_.erase(call);
  }
  return lines;
}

std::vector<Json> ItemEvents::of(const Event& event) {
  if (const auto* started = std::get_if<SessionStarted>(&event.body)) return begin(started->id);
  if (const auto* added = std::get_if<MessageAdded>(&event.body)) {
    return of_message(event, added->message);
  }
  if (const auto* decided = std::get_if<ActionDecided>(&event.body)) {
    Call& call = calls_[decided->call_id];
    call.tool = decided->tool;
    call.command = command_of(decided->action);
    call.is_denied = decided->verdict != "allow";
    if (call.command.empty() || call.is_denied) return {};
    const Json item = {{"id", decided->call_id},        {"type", "command_execution"},
                       {"command", call.command},       {"aggregated_output", ""},
                       {"exit_code", nullptr},          {"status", "in_progress"}};
    return std::vector<Json>{item_line("item.started", item, event.attempt)};
  }
  if (const auto* finished = std::get_if<ToolFinished>(&event.body)) {
    Call& call = calls_[finished->call_id];
    call.tool = finished->tool;
    call.is_error = finished->is_error;
    call.exit_code = finished->exit_code;
    call.diff = finished->diff;
  }
  return {};
}

std::vector<Json> ItemEvents::end(const RunResult& result) {
  if (result.status == "error" || result.status == "interrupted") {
    Json failed = {{"type", is_begun_ ? "turn.failed" : "error"}};
    failed["error"]["message"] = result.message;
    return std::vector<Json>{failed};
  }
  const Json usage = {{"input_tokens", result.tokens.prefilled + result.tokens.reused},
                      {"cached_input_tokens", result.tokens.reused},
                      {"output_tokens", result.tokens.generated},
                      {"reasoning_output_tokens", 0}};
  const Json completed = {{"type", "turn.completed"}, {"usage", usage}};
  return std::vector<Json>{completed};
}

}  // namespace corvid::runtime
