#include "runtime/message.h"

#include "runtime/base/error.h"
#include "runtime/base/json.h"

namespace corvid::runtime {

TokenCounts& TokenCounts::operator+=(const TokenCounts& other) {
  prefilled += other.prefilled;
  reused += other.reused;
  generated += other.generated;
  rebuilt += other.rebuilt;
  return *this;
}

size_t bytes_of(const Message& message) {
  size_t bytes = message.content.size() + message.reasoning.size() + 24;
  for (const ToolCall& call : message.calls) bytes += call.arguments.size() + 64;
  return bytes;
}

std::string role_name(Role role) {
  switch (role) {
    case Role::system:
      return "system";
    case Role::user:
      return "user";
    case Role::assistant:
      return "assistant";
    case Role::tool:
      return "tool";
  }
  return "user";
}

Role role_from_name(const std::string& name) {
  for (const Role role : {Role::system, Role::user, Role::assistant, Role::tool}) {
    if (role_name(role) == name) return role;
  }
  fail(Code::invalid, "unknown role '" + name + "'; known: system user assistant tool");
}

Json message_to_json(const Message& message) {
  Json json = {{"role", role_name(message.role)}, {"content", message.content}};
  for (const ToolCall& call : message.calls) {
    json["calls"].push_back({{"id", call.id}, {"name", call.name}, {"arguments", call.arguments}});
  }
  if (!message.reasoning.empty()) json["reasoning_content"] = message.reasoning;
  if (!message.call_id.empty()) json["call_id"] = message.call_id;
  if (message.is_note) json["note"] = true;
  if (message.is_untrusted) json["untrusted"] = true;
  return json;
}

Message message_from_json(const Json& json) {
  Message message;
  message.role = role_from_name(json_string(json, "role"));
  message.content = json_string_or(json, "content", "");
  message.call_id = json_string_or(json, "call_id", "");
  message.reasoning = json_string_or(json, "reasoning_content", "");
  message.is_note = json_bool_or(json, "note", false);
  message.is_untrusted = json_bool_or(json, "untrusted", false);
  if (json.contains("calls")) {
    for (const Json& call : json.at("calls")) {
      message.calls.push_back({json_string_or(call, "id", ""), json_string(call, "name"),
                               json_string_or(call, "arguments", "{}")});
    }
  }
  return message;
}

Json counts_to_json(const TokenCounts& counts) {
  Json json = {
      {"prefilled", counts.prefilled}, {"reused", counts.reused}, {"generated", counts.generated}};
  if (counts.rebuilt != 0) json["rebuilt"] = counts.rebuilt;
  return json;
}

TokenCounts counts_from_json(const Json& json) {
  return {json_int_or(json, "prefilled", 0), json_int_or(json, "reused", 0),
          json_int_or(json, "generated", 0), json_int_or(json, "rebuilt", 0)};
}

}  // namespace corvid::runtime
