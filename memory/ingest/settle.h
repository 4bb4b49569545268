#pragma once

#include <map>

#include "memory/store.h"
#include "memory/types.h"

namespace corvid::memory {

// One fact of each key whose facts have to be settled.
using Unsettled = std::map<FactKey, Fact>;

// Stores the facts of a turn. One that is said last of its key is settled at once, whatever was
// said before; others wait in `changed` for settle_facts at the end of the transaction.
void add_facts(Store& store, const Turn& turn, Unsettled& changed);

// Takes back what the turn states.
void drop_facts(Store& store, TurnId turn, Unsettled& changed);

// Decides which of the facts of these keys hold. The result depends on the facts alone, not on the
// order in which they came: a later statement of no lower tier supersedes what it contradicts, and
// stands beside the rest, the newest few; one of a lower tier disputes what a higher one says.
void settle_facts(Store& store, const Unsettled& changed);

// Erases all facts and foresights and derives them from the turns.
void rebuild_facts(Store& store);

}  // namespace corvid::memory
