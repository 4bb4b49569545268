#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "memory/types.h"

namespace corvid::memory {

inline constexpr size_t kSentenceBytesKept = 300;  // with what was read in it
inline constexpr const char* kFactDeriver = "pattern/2";

// What a turn states outright, by patterns of English: "my X is Y", "I live in Y", "I work at Y",
// "I have N Xs", "the X is now Y", "we use Y for X". A part for which it holds ("in staging") is
// of the key; of two values of a key the last holds. States ("broken"), suppositions, quotes and
// what others are said to say are left out. Tool output and web pages state nothing: they can be
// quoted, not believed.
std::vector<Fact> facts_of(const Turn& turn);

// Whether both cannot hold, so that the later replaces the earlier: `later` says that something
// changed, or each is the one value that such a key has (a name, a port, whatever is of the
// project), or both are exact and look alike. "My car is red" leaves "my car is a Volvo".
bool contradicts(const Fact& later, const Fact& earlier);

}  // namespace corvid::memory
