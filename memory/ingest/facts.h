#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "memory/store.h"
#include "memory/types.h"

namespace corvid::memory {

inline constexpr const char* kFactDeriver = "pattern/1";

// The sentences of a text but its questions, which state nothing. Left out are lines that quote
// ("> ...", between ``` fences) and calls of tools ("NAME {...}").
std::vector<std::string_view> statements_of(std::string_view text);

std::vector<std::string_view> questions_of(std::string_view text);  // the others

// What a turn states outright, by patterns of English: "my X is Y", "I live in Y", "I work at Y",
// "I have N Xs", "the X is now Y", "we use Y for X". Tool output and web pages state nothing: they
// can be quoted, not believed.
std::vector<Fact> facts_of(const Turn& turn);

// Stores the facts of a turn, and adds them to `changed`, which settle_facts takes at the end of
// the transaction: once, however often the same was said.
void add_facts(Store& store, const Turn& turn, std::vector<Fact>& changed);

// Takes back what the turn states; the same.
void drop_facts(Store& store, TurnId turn, std::vector<Fact>& changed);

// Decides which of the facts hold that have the scope, subject and key of one of the `changed`. The
// result depends on the facts alone, not on the order in which they came.
void settle_facts(Store& store, std::span<const Fact> changed);

// Erases all facts and foresights and derives them from the turns.
void rebuild_facts(Store& store);

}  // namespace corvid::memory
