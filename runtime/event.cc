#include "runtime/event.h"

#include <array>

#include "runtime/base/error.h"
#include "runtime/base/json.h"

namespace corvid::runtime {
namespace {

// Visits the fields of a body by name; the same list writes and reads.
struct Writer {
  Json& json;
  void operator()(const char* key, const std::string& value) { json[key] = value; }
  void operator()(const char* key, int value) { json[key] = value; }
  void operator()(const char* key, int64_t value) { json[key] = value; }
  void operator()(const char* key, bool value) { json[key] = value; }
  void operator()(const char* key, const std::vector<std::string>& value) { json[key] = value; }
  void operator()(const char* key, const Message& value) { json[key] = message_to_json(value); }
  void operator()(const char* key, const TokenCounts& value) { json[key] = counts_to_json(value); }
};

struct Reader {
  const Json& json;
  void operator()(const char* key, std::string& value) { value = json_string_or(json, key, ""); }
  void operator()(const char* key, int& value) { value = int(json_int_or(json, key, 0)); }
  void operator()(const char* key, int64_t& value) { value = json_int_or(json, key, 0); }
  void operator()(const char* key, bool& value) { value = json_bool_or(json, key, false); }
  void operator()(const char* key, std::vector<std::string>& value) {
    value.clear();
    if (!json.contains(key)) return;
    for (const Json& item : json.at(key)) value.push_back(item.get<std::string>());
  }
  void operator()(const char* key, Message& value) {
    if (!json.contains(key)) fail(Code::invalid, std::string("missing '") + key + "'");
    value = message_from_json(json.at(key));
  }
  void operator()(const char* key, TokenCounts& value) {
    if (json.contains(key)) value = counts_from_json(json.at(key));
  }
};

template <typename V, typename T>
void fields(V&& v, T& e) {
  using B = std::remove_const_t<T>;
  if constexpr (std::is_same_v<B, SessionStarted>) {
    v("format", e.format), v("id", e.id), v("workspace", e.workspace), v("task", e.task);
    v("options", e.options), v("sandbox", e.sandbox), v("forked_from", e.forked_from);
    v("tools", e.tools);
  } else if constexpr (std::is_same_v<B, MessageAdded>) {
    v("message", e.message);
  } else if constexpr (std::is_same_v<B, TurnEnded>) {
    v("turn", e.turn), v("tokens", e.tokens), v("lineage", e.lineage);
  } else if constexpr (std::is_same_v<B, ActionDecided>) {
    v("call_id", e.call_id), v("tool", e.tool), v("action", e.action);
    v("verdict", e.verdict), v("reason", e.reason);
  } else if constexpr (std::is_same_v<B, ToolFinished>) {
    v("call_id", e.call_id), v("tool", e.tool), v("is_error", e.is_error);
    v("exit_code", e.exit_code), v("diff", e.diff), v("ms", e.ms);
    v("state", e.state);
  } else if constexpr (std::is_same_v<B, CallInterrupted>) {
    v("call_id", e.call_id);
  } else if constexpr (std::is_same_v<B, SnapshotTaken>) {
    v("turn", e.turn), v("tree", e.tree), v("left_out", e.left_out);
    v("after", e.after);
  } else if constexpr (std::is_same_v<B, CheckRan>) {
    v("purpose", e.purpose), v("command", e.command), v("exit_code", e.exit_code);
    v("timed_out", e.timed_out), v("output", e.output), v("ms", e.ms);
    v("left_out", e.left_out);
  } else if constexpr (std::is_same_v<B, AttemptStarted>) {
    v("choice", e.choice);
  } else if constexpr (std::is_same_v<B, AttemptEnded>) {
    v("status", e.status), v("diff", e.diff), v("tokens", e.tokens);
  } else if constexpr (std::is_same_v<B, Resumed>) {
    v("changed_files", e.changed_files), v("found_tree", e.found_tree);
  } else if constexpr (std::is_same_v<B, WorkspaceRestored>) {
    v("tree", e.tree), v("reason", e.reason), v("turn", e.turn);
  } else if constexpr (std::is_same_v<B, Compacted>) {
    v("reason", e.reason), v("step", e.step), v("calls", e.calls), v("summary", e.summary);
    v("plan", e.plan), v("kept", e.kept), v("tokens_before", e.tokens_before);
    v("tokens_after", e.tokens_after), v("tokens", e.tokens);
  } else if constexpr (std::is_same_v<B, RunEnded>) {
    v("result", e.result);
  }
}

constexpr std::array<const char*, std::variant_size_v<EventBody>> kTypes = {
    "session_started",  "message_added",      "turn_ended", "action_decided",  "tool_finished",
    "call_interrupted", "snapshot_taken",     "check_ran",  "attempt_started", "attempt_ended",
    "resumed",          "workspace_restored", "run_ended",  "compacted"};

template <size_t I = 0>
EventBody read_body(const std::string& type, const Json& json) {
  if constexpr (I < std::variant_size_v<EventBody>) {
    if (type != kTypes[I]) return read_body<I + 1>(type, json);
    std::variant_alternative_t<I, EventBody> body;
    fields(Reader{json}, body);
    return body;
  } else {
    fail(Code::unsupported, "unknown event type '" + type +
                                "': written by a newer Corvid; use that one");
  }
}

}  // namespace

std::string event_type(const EventBody& body) { return kTypes[body.index()]; }

std::string event_to_line(const Event& event) {
  Json json;
  std::visit([&](const auto& body) { fields(Writer{json}, body); }, event.body);
  json["type"] = event_type(event.body);
  json["seq"] = event.sequence;
  json["at"] = format_time(event.at);
  if (event.attempt >= 0) json["attempt"] = event.attempt;
  return dump_json(json);
}

Event event_from_line(std::string_view line) {
  const Json json = parse_json(line, "event");
  Event event;
  event.sequence = json_int_or(json, "seq", -1);
  event.at = parse_time(json_string(json, "at"));
  event.attempt = int(json_int_or(json, "attempt", -1));
  event.body = read_body(json_string(json, "type"), json);
  const auto* start = std::get_if<SessionStarted>(&event.body);
  if (start != nullptr && start->format > kSessionFormat) {
    fail(Code::unsupported, "the session has format " + std::to_string(start->format) +
                                "; this Corvid knows up to " + std::to_string(kSessionFormat) +
                                ": use the newer one that wrote it");
  }
  return event;
}

}  // namespace corvid::runtime
