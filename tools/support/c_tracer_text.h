#pragma once
// Programs that record what C and C++ programs execute; see tools/c_trace.h.

#include <string_view>

namespace corvid::tools {

// Stands in for a compiler (sh): CORVID_C_PATH is where the real ones are, CORVID_C_OUT the folder
// of results. Has recorder.c beside it.
std::string_view compiler_text();

// recorder.c: linked into every program. When a process ends, by whatever way, it leaves in the
// folder of its number: `status` ("exit N", "signal N", "running N": it was still running after
// five seconds of its own), its .gcda files, and after a signal `frames` ("ADDRESS FILE",
// innermost first).
std::string_view recorder_text();

// Run after the check (sh): makes of each process N.status, N.lines (what gcov prints as JSON, a
// line per object) and N.frames (what addr2line prints: function, then file:line).
std::string_view collector_text();

}  // namespace corvid::tools
