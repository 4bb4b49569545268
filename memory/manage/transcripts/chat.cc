// Chats with a model's interface, and what chat programs export.

#include <algorithm>

#include "memory/ingest/ingest.h"
#include "memory/manage/transcripts/builder.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

constexpr size_t kPathMax = 100'000;  // messages between a leaf and the root

// "" for none; whoever is neither a person nor the model is a tool.
std::string speaks(const std::string& named) {
  const std::string role = lower_case(trim(named));
  return role == "system" || role == "developer" ? role : plain_role(role);
}

std::string calls_of(const Json& message) {
  std::string text;
  const auto calls = message.find("tool_calls");
  if (calls == message.end() || !calls->is_array()) return text;
  for (const Json& call : *calls) {
    const Json function = call.is_object() ? call.value("function", Json::object()) : Json();
    const std::string name = text_at(function, "name");
    if (name.empty()) continue;
    text += (text.empty() ? "" : "\n") + name + " " + text_at(function, "arguments");
  }
  return text;
}

// A message whose content is a text or blocks; results of tools become turns of their own.
void add_message(Conversation& into, const Json& message, const std::string& when) {
  if (!message.is_object()) fail(Code::invalid, "a message that is no object");
  const std::string role = speaks(text_at(message, "role"));
  if (role.empty()) fail(Code::invalid, "a message without \"role\"");
  if (role == "system" || role == "developer") return;
  const Json content = message.value("content", Json());
  std::string text = text_of(content);
  if (content.is_array()) {
    for (const Json& block : content) {
      const std::string type = text_at(block, "type");
      if (type == "tool_use") {
        text += (text.empty() ? "" : "\n") + text_at(block, "name") + " " +
                dump_json(block.value("input", Json::object()));
      } else if (type == "tool_result") {
        into.add("tool", text_of(block.value("content", Json())), when);
      }
    }
  }
  const std::string calls = calls_of(message);
  if (!calls.empty()) text += (text.empty() ? "" : "\n") + calls;
  into.add(role, text, when);
}

std::string time_of(const Json& object) {
  for (const char* key : {"created_at", "timestamp", "when", "create_time"}) {
    if (const std::string text = text_at(object, key); !text.empty()) return text;
    if (!object.is_object() || !object.contains(key) || !object[key].is_number()) continue;
    const auto seconds = object[key].get<double>();
    return format_time(Time(std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000))));
  }
  return "";
}

std::string name_of(const Json& chat) {
  for (const char* key : {"conversation_id", "session_id", "id", "uuid"}) {
    if (const std::string text = text_at(chat, key); !text.empty()) return text;
  }
  return "";
}

// ChatGPT's export: a tree of messages; the branch that was last shown counts.
void add_tree(Conversation& into, const Json& chat) {
  const Json& nodes = chat.at("mapping");
  std::vector<const Json*> branch;
  std::string at = text_at(chat, "current_node");
  while (!at.empty() && nodes.contains(at) && branch.size() < kPathMax) {
    branch.push_back(&nodes.at(at));
    at = text_at(nodes.at(at), "parent");
  }
  std::ranges::reverse(branch);
  for (const Json* node : branch) {
    if (!node->contains("message") || !node->at("message").is_object()) continue;
    const Json& message = node->at("message");
    const std::string role = speaks(text_at(message.value("author", Json::object()), "role"));
    if (role.empty() || role == "system" || role == "developer") continue;
    const Json content = message.value("content", Json::object());
    into.add(role, content.is_object() ? text_of(content.value("parts", Json())) : "",
             time_of(message));
  }
}

void read_one(const Json& chat, const TranscriptFile& file, std::vector<NewTurn>& out) {
  Conversation conversation("chat", SessionKind::chat, file.modified);
  const std::string when = time_of(chat);
  if (!when.empty()) conversation.set_time(when);
  if (chat.is_array()) {
    for (const Json& message : chat) add_message(conversation, message, time_of(message));
  } else if (chat.contains("mapping") && chat["mapping"].is_object()) {
    add_tree(conversation, chat);
  } else if (chat.contains("chat_messages") && chat["chat_messages"].is_array()) {
    for (const Json& message : chat["chat_messages"]) {
      const std::string text = text_at(message, "text");
      const std::string role = speaks(text_at(message, "sender"));
      conversation.add(role.empty() ? "tool" : role,
                       text.empty() ? text_of(message.value("content", Json())) : text,
                       time_of(message));
    }
  } else if (chat.contains("messages") && chat["messages"].is_array()) {
    for (const Json& message : chat["messages"]) {
      add_message(conversation, message, time_of(message));
    }
  } else {
    fail(Code::invalid, file.where + ": no \"messages\" in it");
  }
  for (NewTurn& turn : conversation.take(chat.is_object() ? name_of(chat) : "")) {
    out.push_back(std::move(turn));
  }
}

bool is_message(const Json& value) { return value.is_object() && value.contains("role"); }

}  // namespace

std::vector<NewTurn> read_chat(const TranscriptFile& file) {
  std::vector<NewTurn> out;
  const Json whole = try_parse_json(file.content);
  if (!whole.is_discarded()) {
    const bool is_list = whole.is_array() && (whole.empty() || !is_message(whole.front()));
    if (!is_list) {
      read_one(whole, file, out);
    } else {
      for (const Json& chat : whole) read_one(chat, file, out);
    }
    return out;
  }
  Json loose = Json::array();  // one message a line
  int64_t number = 0;
  for (const std::string_view line : split_lines(file.content)) {
    ++number;
    if (trim(line).empty()) continue;
    Json json = parse_json(line, file.where + " line " + std::to_string(number));
    if (is_message(json)) {
      loose.push_back(std::move(json));
    } else {
      read_one(json, file, out);
    }
  }
  if (!loose.empty()) read_one(loose, file, out);
  return out;
}

}  // namespace corvid::memory
