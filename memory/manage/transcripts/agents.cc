// Session files of other agents, one JSON object a line.

#include <algorithm>
#include <unordered_map>

#include "memory/manage/transcripts/builder.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

std::vector<Json> read_lines(const TranscriptFile& file) {
  std::vector<Json> lines;
  int64_t number = 0;
  const std::vector<std::string_view> all = split_lines(file.content);
  for (const std::string_view line : all) {
    ++number;
    if (trim(line).empty()) continue;
    Json json = try_parse_json(line);
    if (json.is_object()) {
      lines.push_back(std::move(json));
    } else if (number != static_cast<int64_t>(all.size())) {  // a last line may be cut off
      fail(Code::invalid, file.where + " line " + std::to_string(number) + ": no JSON object");
    }
  }
  return lines;
}

// What the harness puts into the user's mouth: whole texts that begin so, and elements inside of
// them.
constexpr std::string_view kHarnessStarts[] = {
    "<environment_context>", "<user_instructions>", "<permissions", "# AGENTS.md instructions",
    "<INSTRUCTIONS>", "<command-name>", "<command-message>", "<local-command", "Caveat:",
    "<system-reminder>", "<turn_aborted>", "<user_shell_command>", "<task-notification>",
    "[Request interrupted by user"};
constexpr std::string_view kHarnessElements[] = {
    "system-reminder", "bash-input", "bash-stdout", "bash-stderr", "local-command-stdout",
    "local-command-stderr", "command-name", "command-message", "command-args",
    "user_shell_command", "environment_context", "user_instructions", "user-prompt-submit-hook",
    "ide_selection", "ide_opened_file", "ide_diagnostics", "task-notification"};

// Removes each "<name ...>...</name>"; one that is not closed reaches to the end.
void remove_elements(std::string& text, const std::string& name) {
  const std::string closing = "</" + name + ">";
  for (size_t at = 0; (at = text.find("<" + name, at)) != std::string::npos;) {
    const size_t behind = at + 1 + name.size();
    if (behind < text.size() && text[behind] != '>' && text[behind] != ' ') {
      at = behind;
      continue;
    }
    const size_t end = text.find(closing, behind);
    text.erase(at, end == std::string::npos ? end : end + closing.size() - at);
  }
}

// The speaker's own words.
std::string without_harness(std::string text) {
  for (const std::string_view start : kHarnessStarts) {
    // An element in front may be closed, with words behind it.
    if (!start.ends_with('>') && trim(text).starts_with(start)) return "";
  }
  for (const std::string_view name : kHarnessElements) remove_elements(text, std::string(name));
  for (const std::string_view start : kHarnessStarts) {
    if (trim(text).starts_with(start)) return "";
  }
  return std::string(trim(text));
}

// The same of a content, block by block.
std::string said_in(const Json& content) {
  if (!content.is_array()) return without_harness(text_of(content));
  std::string text;
  for (const Json& block : content) {
    const std::string part = without_harness(text_of(Json::array({block})));
    if (!part.empty()) text += (text.empty() ? "" : "\n") + part;
  }
  return text;
}

const Json& object_at(const Json& object, const char* key) {
  static const Json kNothing = Json::object();
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : kNothing;
}

// One item of the Responses interface, as a rollout keeps it.
void add_codex_item(Conversation& into, const Json& item, const std::string& when) {
  const std::string type = text_at(item, "type");
  if (type == "message") {
    const std::string role = text_at(item, "role");
    const Json content = item.value("content", Json());
    if (role == "user") into.add(role, said_in(content), when);
    if (role == "assistant") into.add(role, text_of(content), when);
  } else if (type == "function_call" || type == "custom_tool_call") {
    const std::string input = text_at(item, type == "function_call" ? "arguments" : "input");
    into.add("assistant", text_at(item, "name") + " " + input, when);
  } else if (type == "local_shell_call") {
    into.add("assistant", "shell " + dump_json(item.value("action", Json())), when);
  } else if (type == "function_call_output" || type == "custom_tool_call_output") {
    std::string text = text_at(item, "output");
    const Json inner = try_parse_json(text);
    if (inner.is_object() && inner.contains("output")) text = text_at(inner, "output");
    if (text.empty()) text = text_of(item.value("output", Json()));
    into.add("tool", text, when);
  }
}

// Blocks of Anthropic's messages: text and calls are the speaker's, results are the tools'.
void add_blocks(Conversation& into, const std::string& role, const Json& content,
                const std::string& when) {
  std::string said = role == "user" ? said_in(content) : text_of(content);
  if (content.is_array()) {
    for (const Json& block : content) {
      const std::string type = text_at(block, "type");
      if (type == "tool_result") {
        into.add("tool", text_of(block.value("content", Json())), when);
      } else if (type == "tool_use" || type == "toolCall") {
        const char* key = type == "tool_use" ? "input" : "arguments";
        said += (said.empty() ? "" : "\n") + text_at(block, "name") + " " +
                dump_json(block.value(key, Json::object()));
      }
    }
  }
  into.add(role, said, when);
}

}  // namespace

std::vector<NewTurn> read_codex(const TranscriptFile& file) {
  Conversation conversation("codex", SessionKind::agent, file.modified);
  std::string session;
  for (const Json& line : read_lines(file)) {
    const std::string when = text_at(line, "timestamp");
    const std::string type = text_at(line, "type");
    const Json& payload = object_at(line, "payload");
    if (type == "session_meta") {
      if (session.empty()) session = text_at(payload, "id");
    } else if (type == "response_item") {
      add_codex_item(conversation, payload, when);
    } else if (payload.empty()) {  // before the lines had an envelope
      if (type.empty() && session.empty()) session = text_at(line, "id");
      add_codex_item(conversation, line, when);
    }
  }
  return conversation.take(session);
}

std::vector<NewTurn> read_claude_code(const TranscriptFile& file) {
  std::vector<NewTurn> out;
  std::vector<std::string> order;
  std::unordered_map<std::string, Conversation> sessions;
  for (const Json& line : read_lines(file)) {
    const std::string type = text_at(line, "type");
    const bool is_aside = line.value("isMeta", Json()) == Json(true) ||
                          line.value("isSidechain", Json()) == Json(true) ||
                          line.value("isCompactSummary", Json()) == Json(true);
    if ((type != "user" && type != "assistant") || is_aside) continue;
    const std::string id = text_at(line, "sessionId");
    auto [session, is_new] = sessions.try_emplace(
        id, Conversation("claude-code", SessionKind::agent, file.modified));
    if (is_new) order.push_back(id);
    add_blocks(session->second, type, object_at(line, "message").value("content", Json()),
               text_at(line, "timestamp"));
  }
  for (const std::string& id : order) {
    for (NewTurn& turn : sessions.at(id).take(id)) out.push_back(std::move(turn));
  }
  return out;
}

// Entries form a tree by id and parentId; the branch of the last message counts.
std::vector<NewTurn> read_pi(const TranscriptFile& file) {
  Conversation conversation("pi", SessionKind::agent, file.modified);
  std::string session;
  const std::vector<Json> lines = read_lines(file);
  std::unordered_map<std::string, const Json*> entries;
  const Json* leaf = nullptr;
  bool has_parents = false;
  for (const Json& line : lines) {
    const std::string type = text_at(line, "type");
    if (type == "session") {
      if (session.empty()) session = text_at(line, "id");
      continue;
    }
    entries[text_at(line, "id")] = &line;
    has_parents |= !text_at(line, "parentId").empty();
    if (type == "message") leaf = &line;
  }
  std::vector<const Json*> branch;
  if (has_parents) {
    while (leaf != nullptr && branch.size() <= lines.size()) {
      branch.push_back(leaf);
      const auto parent = entries.find(text_at(*leaf, "parentId"));
      leaf = parent == entries.end() ? nullptr : parent->second;
    }
    std::ranges::reverse(branch);
  } else {
    for (const Json& line : lines) branch.push_back(&line);
  }
  for (const Json* entry : branch) {
    if (text_at(*entry, "type") != "message") continue;
    const Json& message = object_at(*entry, "message");
    const std::string role = text_at(message, "role");
    const bool is_tool = role == "toolResult" || role == "bashExecution" || role == "tool";
    if (is_tool) {
      const std::string output = text_of(message.value("content", Json()));
      conversation.add("tool", output.empty() ? text_at(message, "output") : output,
                       text_at(*entry, "timestamp"));
    } else if (role == "user" || role == "assistant") {
      add_blocks(conversation, role, message.value("content", Json()),
                 text_at(*entry, "timestamp"));
    }
  }
  return conversation.take(session);
}

}  // namespace corvid::memory
