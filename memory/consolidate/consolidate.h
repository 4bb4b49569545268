#pragma once

#include <span>
#include <vector>

#include "memory/ports.h"
#include "memory/store.h"

namespace corvid::memory {

// Has the model tell of closed cells that it has not told of, newest first, then of scenes of such
// cells; what nobody will go on with is closed before (close_idle). The model is asked outside of
// transactions; each cell is one. A fact that is not what is known becomes a proposal, as traits
// do. Throws what the model throws; what was done stays.
ConsolidateReport consolidate(Store& store, const Ports& ports, std::span<const ScopeId> scopes,
                              const ConsolidateOptions& options);

// Takes back what a model has said of the cell, and of scenes that hold it: its turns are no longer
// those that the model was shown. What a person has decided on stays, unless `forgets`. Before the
// cell is derived again, inside the caller's transaction.
void drop_told(Store& store, const MemCell& cell, bool forgets);

}  // namespace corvid::memory
