#include "memory/transcripts.h"

#include <sys/stat.h>

#include <algorithm>
#include <initializer_list>

#include "memory/ingest/ingest.h"
#include "memory/manage/documents.h"
#include "memory/manage/import_turns.h"
#include "memory/manage/transcripts/builder.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

constexpr size_t kNameBytesMax = 40;      // of a speaker in a text
constexpr double kNamedLinesMin = 0.5;    // of the lines that are not empty

// The first line that is not empty, when it is a JSON object.
Json first_object(std::string_view content) {
  for (const std::string_view line : split_lines(content)) {
    if (trim(line).empty()) continue;
    Json json = try_parse_json(line);
    return json.is_object() ? json : Json();
  }
  return Json();
}

std::string detect(std::string_view content) {
  const Json first = first_object(content);
  const std::string type = text_at(first, "type");
  if (first.is_object()) {
    if (first.contains("speaker") && first.contains("session")) return "turns";
    if (type == "session_meta" || (first.contains("payload") && first.contains("timestamp"))) {
      return "codex";
    }
    if (first.contains("instructions") && first.contains("timestamp")) return "codex";
    if (type == "session" && first.contains("id")) return "pi";
    if (first.contains("sessionId") || type == "summary" || type == "file-history-snapshot" ||
        type == "queue-operation") {
      return "claude-code";
    }
    return "chat";
  }
  const std::string_view start = trim(content).substr(0, 1);
  return (start == "[" || start == "{") && Json::accept(content) ? "chat" : "text";
}

// A transcript in JSON that cannot be read is no text: what its tools printed would pass for what
// people wrote.
void check_is_no_json(const TranscriptFile& file) {
  const std::string_view content = trim(file.content);
  const std::string_view inside = trim(content.substr(std::min<size_t>(1, content.size())));
  const bool is_begun = (content.starts_with('{') && inside.starts_with('"')) ||
                        (content.starts_with('[') && inside.starts_with('{'));
  if (is_begun) parse_json(content, file.where);
  int64_t number = 0;
  int64_t first_bad = 0;
  int64_t objects = 0;
  int64_t all = 0;
  for (const std::string_view line : split_lines(file.content)) {
    ++number;
    if (trim(line).empty()) continue;
    const bool is_object = trim(line).starts_with('{') && try_parse_json(line).is_object();
    if (!is_object && first_bad == 0) first_bad = number;
    objects += is_object;
    ++all;
  }
  if (objects * 2 <= all) return;
  fail(Code::invalid, file.where + " line " + std::to_string(first_bad) +
                          ": no JSON object, though most lines are: a damaged transcript?");
}

// "NAME: words" -> NAME; "" when the line does not begin so.
std::string_view speaker_of(std::string_view line) {
  const size_t colon = line.find(": ");
  if (colon == std::string_view::npos || colon == 0 || colon > kNameBytesMax) return "";
  const std::string_view name = line.substr(0, colon);
  return name.find_first_of("\t.,;!?\"()[]{}<>=/\\") == std::string_view::npos &&
                 name[0] != ' ' && name[0] != '-'
             ? name
             : std::string_view();
}

bool is_dialogue(std::string_view content) {
  double named = 0;
  double all = 0;
  for (const std::string_view line : split_lines(content)) {
    if (trim(line).empty()) continue;
    all += 1;
    named += !speaker_of(line).empty();
  }
  return all >= 2 && named >= kNamedLinesMin * all;
}

std::string role_of(std::string_view name) {
  const std::string low = lower_case(name);
  const auto is_one_of = [&](std::initializer_list<std::string_view> names) {
    return std::ranges::find(names, low) != names.end();
  };
  if (is_one_of({"you", "me"})) return "user";
  if (is_one_of({"claude", "chatgpt"})) return "assistant";
  if (const std::string role = plain_role(low); role != "tool") return role;
  if (is_one_of({"tool", "tools", "tool result", "tool_result", "tool output", "tool_output",
                 "tool response", "tool_response", "function", "function_call_output", "system",
                 "developer", "observation", "output", "result", "environment", "ipython", "python",
                 "shell", "bash", "terminal", "console", "stdout", "stderr", "log", "web",
                 "browser"})) {
    return "tool";
  }
  return "";
}

}  // namespace

std::vector<NewTurn> read_text(const TranscriptFile& file) {
  Conversation conversation("text", SessionKind::chat, file.modified);
  if (!is_utf8(file.content) || file.content.find('\0') != std::string_view::npos) {
    fail(Code::invalid, file.where + ": not a text");
  }
  if (!is_dialogue(file.content)) {
    for (const std::string& chunk : cut_document(file.content)) conversation.add("", chunk);
    std::vector<NewTurn> turns = conversation.take("");
    for (NewTurn& turn : turns) {
      turn.is_unnamed = false;  // a text that was changed is the same text
      turn.speaker = std::filesystem::path(file.where).filename().string();
      turn.tier = Tier::tool;  // who wrote it is not known: nothing is stated by it
    }
    return turns;
  }
  std::string name;
  std::string said;
  const auto flush = [&] {
    const std::string role = role_of(name);
    conversation.set_speaker(role.empty() ? name : "");
    conversation.add(role, said);
    said.clear();
  };
  for (const std::string_view line : split_lines(file.content)) {
    const std::string_view speaker = speaker_of(line);
    if (speaker.empty()) {
      if (!said.empty() && !trim(line).empty()) said.append("\n").append(line);
      continue;
    }
    flush();
    name = speaker;
    said = trim(line.substr(speaker.size() + 2));
  }
  flush();
  return conversation.take("");
}

std::vector<NewTurn> read_transcript(const std::filesystem::path& path,
                                     const std::string& format) {
  std::string content = read_file(path, kImportBytesMax);
  if (content.starts_with("\xef\xbb\xbf")) content.erase(0, 3);  // a mark of byte order
  struct stat status {};
  const bool has_status = ::stat(path.c_str(), &status) == 0;
  const TranscriptFile file{path.string(), content,
                            Time(std::chrono::seconds(has_status ? status.st_mtime : 0))};
  const std::string kind = format == "auto" ? detect(content) : format;
  if (kind == "turns") return read_turns_file(path);
  std::vector<NewTurn> turns;
  if (kind == "chat" || kind == "openai" || kind == "anthropic") {
    turns = read_chat(file);
  } else if (kind == "codex") {
    turns = read_codex(file);
  } else if (kind == "claude-code") {
    turns = read_claude_code(file);
  } else if (kind == "pi") {
    turns = read_pi(file);
  } else if (kind == "text") {
    if (format == "auto") check_is_no_json(file);
    turns = read_text(file);
  } else {
    fail(Code::invalid, "unknown format '" + kind +
                            "'; known: auto, turns, chat, codex, claude-code, pi, text, export");
  }
  if (turns.empty()) fail(Code::invalid, file.where + ": no message in it (read as " + kind + ")");
  return turns;
}

}  // namespace corvid::memory
