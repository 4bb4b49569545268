#pragma once
// The life of `corvid run`: everything that one task needs is built here, handed to the loop, and
// taken down again.

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "runtime/agent_loop.h"
#include "runtime/base/clock.h"
#include "runtime/event.h"
#include "runtime/paths.h"
#include "runtime/run_options.h"
#include "runtime/run_result.h"

namespace corvid::runtime {

// What a run takes from the outside.
struct RunEnvironment {
  Paths paths;
  Clock clock;
  std::string sandbox = "linux";
  std::function<void(const Event&)> on_event;     // each event, once it is on disk; may be empty
  std::function<void(std::string_view)> on_text;  // the model's text as it streams; may be empty
  // A person's leave at a terminal; empty where nobody is there. Called from the run's thread.
  ApproveStep approve = {};
  // A person's answers; empty where nobody is there, and then no tool that asks is offered.
  tools::AskPerson ask = {};
  // Ends a tool call that runs, which the run's own `stop` then lets end; without a source that
  // one does it.
  std::stop_token stop_steps = {};
};

struct ResumeOptions {
  std::string session;   // id, as find_session takes it
  std::string task;      // a further task; empty: go on with what was interrupted
  bool restore = false;  // put the last recorded state of the workspace back first
  bool compact = false;  // with a task: a summary first takes the place of what was said
  std::string model;     // instead of the one that it was started with; empty: that one
};

// Runs a task to its end. Throws invalid, not_found, denied or unsupported before anything happened
// (nothing was recorded then); afterwards every failure is a result with its reason.
RunResult run_task(const RunOptions& options, const RunEnvironment& environment,
                   std::stop_token stop);

RunResult resume_task(const ResumeOptions& options, const RunEnvironment& environment,
                      std::stop_token stop);

}  // namespace corvid::runtime
