#pragma once

#include <vector>

#include "memory/store.h"

namespace corvid::memory {

// Conversations without a name are told apart (NewTurn::is_unnamed): one that goes on from what
// the store holds of `scope`, or is a part of it, keeps the name; one that begins alike and goes on
// otherwise gets a further one. What was forgotten is no difference.
void name_apart(const Store& store, const Scope& scope, std::vector<NewTurn>& turns);

}  // namespace corvid::memory
