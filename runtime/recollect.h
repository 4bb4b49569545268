#pragma once
// The session's side of memory: what of a run is remembered, and what is recalled at its start.

#include <string>

#include "memory/memory.h"
#include "runtime/event.h"
#include "runtime/paths.h"
#include "runtime/run_options.h"
#include "runtime/run_result.h"

namespace corvid::runtime {

// The memory of one workspace in Corvid's data folder.
std::unique_ptr<memory::Memory> open_memory(const Paths& paths,
                                            const std::filesystem::path& workspace);

// The block that stands behind the task in the prompt; empty when nothing fits.
std::string recall_for(const memory::Memory& memory, const RunOptions& options,
                       const std::string& session);

// Writes an event's message as a turn; other events are not remembered, nor are attempts: the
// result carries what the winner did. Idempotent per event.
void remember_event(memory::Memory& memory, const std::string& session, const Event& event);

// Writes how a run ended, with its diff.
void remember_result(memory::Memory& memory, const RunResult& result, Time now);

}  // namespace corvid::runtime
