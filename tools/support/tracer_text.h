#pragma once
// The Python modules that record what tests execute; see tools/python_trace.h.

#include <string_view>

namespace corvid::tools {

// sitecustomize.py: starts the tracer, then the sitecustomize that it hides. Any Python.
std::string_view sitecustomize_text();

// _corvid_trace.py, Python 3.8 and newer. It writes trace-PID.json into the folder that
// CORVID_TRACE_OUT names:
//   version        1
//   finished       false: written in the middle of the run
//   inherited      id of the test of the parent process that started this one, or ""
//   files          paths relative to CORVID_TRACE_ROOT; below they are named by index
//   failing, passing    how many tests of which lines are known
//   failing_names  their ids
//   lines          {file: [line, failing, passing, line, failing, passing, ...]}
//   outside        {file: [line, ...]} executed outside of any test
//   tracebacks     [[[file, line, function], ...], ...] outermost frame first
//   running        null, or {name, frames} of the test that was running
// The file is core and hooks, one behind the other.
std::string_view tracer_core_text();
std::string_view tracer_hooks_text();

}  // namespace corvid::tools
