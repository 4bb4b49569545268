#pragma once

#include <string>
#include <vector>

#include "memory/recall/corpus.h"
#include "memory/recall/rank.h"
#include "memory/store.h"

namespace corvid::memory {

// What is known of a ranked turn from its facts.
struct Link {
  TurnId superseded_by = 0;  // 0: by none
  TurnId disputed_by = 0;
};

// Follows the facts of the best turns: what supersedes one of them comes before it, unless the
// question asks for the past; what disputes it comes after it. Turns that were not ranked are put
// in. What was said from `until` on is not known. Gives a link for each of `best`.
std::vector<Link> follow_links(const Store& store, const Corpus& corpus, bool asks_past, Time until,
                               std::vector<Ranked>& best);

}  // namespace corvid::memory
