#pragma once
// The session's side of memory: what of a run is remembered, and what is recalled at its start.

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "memory/memory.h"
#include "runtime/event.h"
#include "runtime/paths.h"
#include "runtime/run_options.h"
#include "runtime/run_result.h"

namespace corvid::runtime {

// The memory of one workspace in Corvid's data folder.
std::unique_ptr<memory::Memory> open_memory(const Paths& paths,
                                            const std::filesystem::path& workspace);

// Where [memory] consolidate = "after-runs": its model tells of the newest MemCells of the
// session's workspace. A failure is a warning. `session_log` "": nothing was recorded.
void consolidate_after_run(const Paths& paths, const std::filesystem::path& session_log,
                           std::stop_token stop);

struct Recalled {
  std::string text = {};
  bool is_untrusted = false;  // some of it once came from the web
};

// The block that stands behind the task in the prompt; empty when nothing fits.
Recalled recall_for(const memory::Memory& memory, const RunOptions& options,
                    const std::string& session);

// Writes an event's message as a turn; other events are not remembered, nor are attempts: the
// result carries what the winner did. Idempotent per event. What the assistant says after a message
// that holds text from the web is remembered as the web's.
void remember_event(memory::Memory& memory, const std::string& session, const Event& event);

// Writes the events of a session to memory, in order, on a thread of its own: the model is asked
// meanwhile. The log is the truth; what memory cannot take is written from there at the end.
class MemoryWriter {
 public:
  MemoryWriter(memory::Memory& memory, std::string session);
  ~MemoryWriter();  // what was added is written first
  MemoryWriter(const MemoryWriter&) = delete;
  MemoryWriter& operator=(const MemoryWriter&) = delete;

  void add(const Event& event);
  // Waits until all that was added is written. False: memory refused some of it, and what came
  // later was left out.
  bool settle();

 private:
  void work();

  memory::Memory& memory_;
  const std::string session_;
  std::mutex mutex_;  // protects what follows
  std::condition_variable changed_;
  std::vector<Event> waiting_;
  bool is_writing_ = false;
  bool is_behind_ = false;
  bool is_over_ = false;
  std::thread thread_;
};

// Writes how a run ended, with its diff and, unless the last reply `said` it, its message. An
// answer that was not checked and changed nothing has no more to it than was said: no turn.
void remember_result(memory::Memory& memory, const RunResult& result, std::string_view said,
                     Time now);

// What a reply of the model says and calls, as it is remembered; nullopt: another event, or an
// attempt's.
std::optional<std::string> reply_of(const Event& event);

}  // namespace corvid::runtime
