#pragma once

#include <string_view>
#include <vector>

#include "memory/store.h"
#include "memory/types.h"

namespace corvid::memory {

inline constexpr const char* kFactDeriver = "pattern/1";

// The sentences of a text but its questions, which state nothing.
std::vector<std::string_view> statements_of(std::string_view text);

std::vector<std::string_view> questions_of(std::string_view text);  // the others

// What a turn states outright, by patterns of English: "my X is Y", "I live in Y", "I work at Y",
// "I have N Xs", "the X is now Y", "we use Y for X". Tool output and web pages state nothing: they
// can be quoted, not believed.
std::vector<Fact> facts_of(const Turn& turn);

// Stores the facts of a turn and settles them with what was said of the same before and after.
void add_facts(Store& store, const Turn& turn);

// Takes back what the turn states.
void drop_facts(Store& store, TurnId turn);

// Decides which of the facts of one scope, subject and key hold. The result depends on the facts
// alone, not on the order in which they came.
void settle_facts(Store& store, const Fact& any);

// Erases all facts and foresights and derives them from the turns.
void rebuild_facts(Store& store);

}  // namespace corvid::memory
