#pragma once
// The session's side of memory: what of a run is remembered, and what is recalled at its start.

#include <optional>
#include <string>
#include <string_view>

#include "memory/memory.h"
#include "runtime/event.h"
#include "runtime/paths.h"
#include "runtime/run_options.h"
#include "runtime/run_result.h"

namespace corvid::runtime {

// The memory of one workspace in Corvid's data folder.
std::unique_ptr<memory::Memory> open_memory(const Paths& paths,
                                            const std::filesystem::path& workspace);

struct Recalled {
  std::string text = {};
  bool is_untrusted = false;  // some of it once came from the web
};

// The block that stands behind the task in the prompt; empty when nothing fits.
Recalled recall_for(const memory::Memory& memory, const RunOptions& options,
                    const std::string& session);

// Writes an event's message as a turn; other events are not remembered, nor are attempts: the
// result carries what the winner did. Idempotent per event.
void remember_event(memory::Memory& memory, const std::string& session, const Event& event);

// Writes how a run ended, with its diff and, unless the last reply `said` it, its message. An
// answer that was not checked and changed nothing has no more to it than was said: no turn.
void remember_result(memory::Memory& memory, const RunResult& result, std::string_view said,
                     Time now);

// What a reply of the model says and calls, as it is remembered; nullopt: another event, or an
// attempt's.
std::optional<std::string> reply_of(const Event& event);

}  // namespace corvid::runtime
