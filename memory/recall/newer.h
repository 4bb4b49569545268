#pragma once

#include <span>
#include <vector>

#include "memory/recall/corpus.h"
#include "memory/recall/question.h"
#include "memory/recall/rank.h"
#include "memory/store.h"

namespace corvid::memory {

// Two statements of users that answer the question with the same words, in sessions of different
// times, are versions of one: among the best, the newest is put before those that it replaces.
// Only where users talk to an assistant, and not for questions about the past or about spans of
// time. `weights` of the question's terms, in their order.
void put_newest_first(const Store& store, const Corpus& corpus, const Question& question,
                      std::span<const double> weights, std::vector<Ranked>& best);

}  // namespace corvid::memory
