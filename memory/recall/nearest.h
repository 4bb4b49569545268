#pragma once

#include <map>
#include <span>
#include <vector>

#include "memory/ports.h"
#include "memory/recall/corpus.h"
#include "memory/recall/rank.h"
#include "memory/recall/vectors.h"
#include "memory/store.h"

namespace corvid::memory {

// Behind the first twenty of a ranking it matters what gets into the context at all. A turn that
// tells of several things has one vector, which is near to none of them: the next forty are put in
// order anew with the nearest of their statements beside their score (Ranked::statement).
// `question` is what `similarity` was compared with, as `embed` gave it; the turns that were read
// are left in `turns`.
void weigh_statements(const Store& store, const Corpus& corpus, const Embed& embed,
                      std::span<const float> question, const Similarity& similarity,
                      std::map<TurnId, Turn>& turns, std::vector<Ranked>& best);

}  // namespace corvid::memory
