#pragma once
// A model that memory may ask: for what consolidation tells of MemCells, and for sub-queries.

#include <stop_token>
#include <string>

#include "memory/ports.h"
#include "runtime/paths.h"

namespace corvid::runtime {

// `model` as in design.md §5. It is opened when it is first asked, and each question is a
// conversation of its own, greedy and constrained to the schema. Asking throws what make_provider()
// and Provider::complete() throw. Thread-safe.
memory::Complete memory_model(const std::string& model, const Paths& paths, std::stop_token stop);

}  // namespace corvid::runtime
