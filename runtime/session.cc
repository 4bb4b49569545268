#include "runtime/session.h"

#include <algorithm>
#include <cstdio>
#include <random>
#include <set>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/compaction.h"
#include "runtime/mask_event.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

std::string new_id(Time now) {
  std::random_device random;
  std::string stamp = format_time(now).substr(0, 23);  // 2026-11-21T14:03:07.250
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':' || c == '.'; });
  char tail[8];
  std::snprintf(tail, sizeof tail, "-%04x", random() & 0xffff);
  return stamp + tail;
}

// Whole lines only: what kill -9 cut off was never acknowledged.
std::string_view whole_lines(std::string_view content) {
  const size_t end = content.rfind('\n');
  return end == std::string_view::npos ? std::string_view() : content.substr(0, end + 1);
}

std::vector<Event> parse_events(std::string_view content, const fs::path& log) {
  std::vector<Event> events;
  int number = 0;
  for (const std::string_view line : split_lines(whole_lines(content))) {
    ++number;
    if (line.empty()) continue;
    try {
      events.push_back(event_from_line(line));
    } catch (const Error& error) {
      if (error.code() == Code::unsupported) {
        fail(Code::unsupported, log.string() + ": line " + std::to_string(number) + ": " +
                                    error.what());
      }
      fail(Code::corrupt,
           "corrupt: " + log.string() + ": line " + std::to_string(number) + ": " + error.what());
    }
  }
  return events;
}

}  // namespace

Session::Session(fs::path folder, std::string id, Clock clock, AfterAppend after_append)
    : folder_(std::move(folder)),
      id_(std::move(id)),
      clock_(std::move(clock)),
      after_append_(std::move(after_append)) {
  lock_ = std::make_unique<FileLock>(folder_ / "lock",
                                     "session " + id_ +
                                         " is in use by another process: wait until it has ended, "
                                         "or stop that one first");
}

std::unique_ptr<Session> Session::create(const fs::path& sessions_folder, Clock clock,
                                         AfterAppend after_append) {
  fs::create_directories(sessions_folder);
  std::string id;
  do {
    id = new_id(clock());
  } while (!fs::create_directory(sessions_folder / id));
  std::unique_ptr<Session> session(
      new Session(sessions_folder / id, id, std::move(clock), std::move(after_append)));
  session->log_ = std::make_unique<AppendFile>(session->log_path());
  session->token_log_ = std::make_unique<AppendFile>(session->folder_ / "tokens.jsonl");
  return session;
}

std::unique_ptr<Session> Session::open(const fs::path& sessions_folder, const std::string& id,
                                       Clock clock, AfterAppend after_append) {
  const fs::path folder = sessions_folder / id;
  if (!fs::exists(folder / "events.jsonl")) {
    fail(Code::not_found, "no session " + id + " in " + sessions_folder.string() +
                              "; 'corvid sessions list' shows what is there");
  }
  std::unique_ptr<Session> session(
      new Session(folder, id, std::move(clock), std::move(after_append)));
  for (const char* name : {"events.jsonl", "tokens.jsonl"}) {
    const fs::path path = folder / name;
    if (!fs::exists(path)) continue;
    const std::string content = read_file(path);
    const std::string_view whole = whole_lines(content);
    if (path == session->log_path()) session->events_ = parse_events(whole, path);
    if (whole.size() != content.size()) fs::resize_file(path, whole.size());
  }
  session->log_ = std::make_unique<AppendFile>(session->log_path());
  session->token_log_ = std::make_unique<AppendFile>(folder / "tokens.jsonl");
  return session;
}

void Session::append(EventBody body, int attempt) { write(std::move(body), attempt, true); }

void Session::append_unsynced(EventBody body, int attempt) {
  write(std::move(body), attempt, false);
}

void Session::sync() {
  const std::scoped_lock guard(mutex_);
  log_->sync();
}

void Session::write(EventBody body, int attempt, bool is_synced) {
  mask_secrets(body);
  const std::scoped_lock guard(mutex_);
  Event event{int64_t(events_.size()), clock_(), attempt, std::move(body)};
  log_->append(event_to_line(event) + "\n");
  if (is_synced) log_->sync();
  events_.push_back(std::move(event));
  if (after_append_) after_append_(events_.back());
}

std::vector<Event> Session::events() const {
  const std::scoped_lock guard(mutex_);
  return events_;
}

void Session::append_tokens(const EvaluatedTokens& evaluated) {
  if (evaluated.tokens.empty()) return;
  const Json json = {{"lineage", evaluated.lineage},
                     {"position", evaluated.position},
                     {"tokens", evaluated.tokens},
                     {"segments", evaluated.segments}};
  const std::scoped_lock guard(mutex_);
  token_log_->append(dump_json(json) + "\n");
  token_log_->sync();
}

std::vector<EvaluatedTokens> Session::token_log() const { return read_token_log(folder_); }

std::vector<EvaluatedTokens> read_token_log(const fs::path& folder) {
  std::vector<EvaluatedTokens> log;
  const std::string content = read_file(folder / "tokens.jsonl");
  for (const std::string_view line : split_lines(whole_lines(content))) {
    const Json json = parse_json(line, "token log in " + folder.string());
    log.push_back({json_string(json, "lineage"), int32_t(json_int_or(json, "position", 0)),
                   json.at("tokens").get<std::vector<int32_t>>(),
                   json.at("segments").get<std::vector<int32_t>>()});
  }
  return log;
}

std::vector<Event> read_events(const fs::path& log) { return parse_events(read_file(log), log); }

static SessionSummary summarise(const fs::path& folder) {
  SessionSummary summary;
  summary.id = folder.filename().string();
  summary.status = "interrupted";
  for (const Event& event : read_events(folder / "events.jsonl")) {
    if (summary.started == Time{}) summary.started = event.at;
    summary.ended = event.at;
    if (const auto* start = std::get_if<SessionStarted>(&event.body)) {
      summary.workspace = start->workspace;
      summary.task = start->task;
    } else if (std::holds_alternative<TurnEnded>(event.body)) {
      ++summary.turn_count;
    } else if (std::holds_alternative<Resumed>(event.body)) {
      summary.status = "interrupted";
    } else if (const auto* end = std::get_if<RunEnded>(&event.body)) {
      summary.status = json_string_or(parse_json(end->result, "result"), "status", "?");
    }
  }
  return summary;
}

std::vector<SessionSummary> list_sessions(const fs::path& sessions_folder) {
  std::vector<SessionSummary> sessions;
  if (!fs::exists(sessions_folder)) return sessions;
  for (const auto& entry : fs::directory_iterator(sessions_folder)) {
    if (!fs::exists(entry.path() / "events.jsonl")) continue;
    try {
      sessions.push_back(summarise(entry.path()));
    } catch (const Error& error) {  // one damaged log must not hide the others
      SessionSummary damaged;
      damaged.id = entry.path().filename().string();
      damaged.status = error.code() == Code::unsupported ? "newer" : "corrupt";
      sessions.push_back(std::move(damaged));
    }
  }
  std::sort(sessions.begin(), sessions.end(),
            [](const auto& a, const auto& b) { return a.id > b.id; });
  return sessions;
}

std::string find_session(const fs::path& sessions_folder, const std::string& id) {
  std::vector<std::string> found;
  if (fs::exists(sessions_folder)) {
    for (const auto& entry : fs::directory_iterator(sessions_folder)) {
      const std::string name = entry.path().filename().string();
      if (name == id) return name;
      if (name.starts_with(id) && fs::exists(entry.path() / "events.jsonl")) found.push_back(name);
    }
  }
  std::sort(found.begin(), found.end());
  if (found.empty()) {
    fail(Code::not_found, id.empty() ? "there is no session yet"
                                     : "no session " + id + "; see 'corvid sessions list'");
  }
  if (id.empty() || found.size() == 1) return found.back();
  fail(Code::invalid, "session " + id + " is ambiguous: " + join(found, " "));
}

std::string session_model(std::span<const Event> events) {
  std::string model;
  for (const Event& event : events) {
    const auto* start = std::get_if<SessionStarted>(&event.body);
    if (start == nullptr) continue;
    const Json options = try_parse_json(start->options);
    model = options.is_object() ? json_string_or(options, "model", "") : "";
  }
  return model;
}

static bool is_of_conversation(const EventBody& body) {
  return std::holds_alternative<MessageAdded>(body) || std::holds_alternative<TurnEnded>(body) ||
         std::holds_alternative<ActionDecided>(body) ||
         std::holds_alternative<ToolFinished>(body) ||
         std::holds_alternative<CallInterrupted>(body) || std::holds_alternative<CheckRan>(body) ||
         std::holds_alternative<AttemptStarted>(body) ||
         std::holds_alternative<AttemptEnded>(body) || std::holds_alternative<Compacted>(body);
}

std::vector<Event> standing_events(std::span<const Event> events) {
  std::vector<Event> standing;
  for (const Event& event : events) {
    const auto* restored = std::get_if<WorkspaceRestored>(&event.body);
    const bool is_undo = restored != nullptr && restored->reason == "undo";
    if (is_undo || (restored != nullptr && restored->reason == "rewind")) {
      auto cut = standing.end();
      for (auto it = standing.begin(); it != standing.end(); ++it) {
        const auto* turn = std::get_if<TurnEnded>(&it->body);
        if (is_undo && std::holds_alternative<SessionStarted>(it->body)) cut = it;
        if (!is_undo && turn != nullptr && it->attempt < 0 && turn->turn >= restored->turn) {
          cut = it;
          break;
        }
      }
      standing.erase(
          std::remove_if(cut, standing.end(),
                         [](const Event& each) { return is_of_conversation(each.body); }),
          standing.end());
    }
    standing.push_back(event);
  }
  return standing;
}

std::vector<Message> session_messages(std::span<const Event> events, int attempt,
                                      const Message& unstarted) {
  std::vector<Message> messages;
  std::vector<std::string> open;  // calls that wait for their result
  const auto close_open = [&] {
    for (const std::string& id : open) {
      messages.push_back({Role::tool, "interrupted: the call has no result", {}, id});
    }
    open.clear();
  };
  for (const Event& event : standing_events(events)) {
    if (event.attempt != -1 && event.attempt != attempt) continue;
    if (const auto* cut = std::get_if<Compacted>(&event.body)) {
      messages = compacted_messages(std::move(messages), *cut);
    }
    const auto* added = std::get_if<MessageAdded>(&event.body);
    if (added == nullptr) continue;
    if (added->message.role == Role::tool) {
      std::erase(open, added->message.call_id);
    } else {
      close_open();
    }
    for (const ToolCall& call : added->message.calls) {
      const auto is_same = [&](const ToolCall& other) { return other.id == call.id; };
      if (std::none_of(unstarted.calls.begin(), unstarted.calls.end(), is_same)) {
        open.push_back(call.id);
      }
    }
    messages.push_back(added->message);
  }
  close_open();
  return messages;
}

}  // namespace corvid::runtime
