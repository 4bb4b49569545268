#pragma once

#include <span>
#include <vector>

#include "memory/store.h"
#include "memory/types.h"

namespace corvid::memory {

inline constexpr const char* kForesightDeriver = "foresight/2";

// Plans, deadlines and appointments that a person states, and statements that such a thing was
// done, called off or moved to another time, by patterns of English. What was not done, or only
// would be, and what others did is left out. Tools, web pages and assistants plan nothing.
std::vector<Foresight> foresights_of(const Turn& turn);

void add_foresights(Store& store, const Turn& turn);

// The plans among `all`, each with what became of it as of `at`: the first later statement of the
// same subject that shares most of its words decides. Sorted by the time for which they are.
std::vector<Foresight> settle_foresights(std::span<const Foresight> all, Time at);

}  // namespace corvid::memory
