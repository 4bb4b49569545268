#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/files.h"
#include "runtime/event.h"
#include "runtime/provider.h"

namespace corvid::runtime {

// In a session's folder: tool output that is too long for the model, a file for each call
// (CALL_ID.txt).
inline constexpr const char* kOutputsFolder = "outputs";

// One run or conversation: an append-only list of events on disk (ID/events.jsonl) and the exact
// tokens that a local model evaluated (ID/tokens.jsonl). append() returns after fsync, so whatever
// is acted on afterwards survives kill -9 and a power cut. Appending is thread-safe; attempts share
// one log.
class Session {
 public:
  // Called after each event is written; tests use it to stop the process at event borders.
  using AfterAppend = std::function<void(const Event&)>;

  static std::unique_ptr<Session> create(const std::filesystem::path& sessions_folder, Clock clock,
                                         AfterAppend after_append = {});
  // Repairs a torn tail (a last line without newline is cut off; an invalid whole line is corrupt).
  static std::unique_ptr<Session> open(const std::filesystem::path& sessions_folder,
                                       const std::string& id, Clock clock,
                                       AfterAppend after_append = {});

  const std::string& id() const { return id_; }
  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path log_path() const { return folder_ / "events.jsonl"; }

  void append(EventBody body, int attempt = -1);
  // For what nothing outside of the log is done about yet: it outlives the process, and a power cut
  // from the next append() or sync() on.
  void append_unsynced(EventBody body, int attempt = -1);
  void sync();
  std::vector<Event> events() const;  // a snapshot

  // One evaluation of a local model, before its result is acted on.
  void append_tokens(const EvaluatedTokens& evaluated);
  std::vector<EvaluatedTokens> token_log() const;  // reads the file

 private:
  Session(std::filesystem::path folder, std::string id, Clock clock, AfterAppend after_append);
  void write(EventBody body, int attempt, bool is_synced);

  std::filesystem::path folder_;
  std::string id_;
  Clock clock_;
  AfterAppend after_append_;
  mutable std::mutex mutex_;  // protects what follows
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<AppendFile> log_;
  std::unique_ptr<AppendFile> token_log_;
  std::vector<Event> events_;
};

// The token log of the session in `folder`; a torn last line is left out.
std::vector<EvaluatedTokens> read_token_log(const std::filesystem::path& folder);

// Reads the events of a session without opening it for writing; a torn last line is left out.
std::vector<Event> read_events(const std::filesystem::path& log);

struct SessionSummary {
  std::string id, workspace, task, status;
  Time started{}, ended{};
  int turn_count = 0;
};

// Newest first.
std::vector<SessionSummary> list_sessions(const std::filesystem::path& sessions_folder);

// `id` whole, a unique beginning of one, or empty for the newest. Throws not_found or invalid
// (ambiguous, naming the candidates).
std::string find_session(const std::filesystem::path& sessions_folder, const std::string& id);

// The model of the last SessionStarted.
std::string session_model(std::span<const Event> events);

// The log without the conversation that an undo or a rewind took back.
std::vector<Event> standing_events(std::span<const Event> events);

// The messages of the shared part and of one attempt (-1: none), in order. Calls without a result
// get an "interrupted" tool message, but for those of `unstarted`, whose results are still to come.
// What was taken back is not among them; where the conversation was cut to fit the model's window,
// they are what it was from there on.
std::vector<Message> session_messages(std::span<const Event> events, int attempt = -1,
                                      const Message& unstarted = {});

}  // namespace corvid::runtime
