#pragma once

#include <cstdint>
#include <vector>

#include "memory/recall/corpus.h"
#include "memory/recall/question.h"
#include "memory/store.h"

namespace corvid::memory {

// Weights of the signals, each of which is divided by its maximum first. They were chosen by
// coordinate search on development sets of two-person chats and one-user assistants.
struct Weights {
  double lexical = 1.3;   // BM25 over the turn, its neighbours at 1 and those at 2 and 3
  double session = 0.3;   // BM25 over the whole session
  double speaker = 0.8;
  double date = 0.8;
  double answer = 0.3;
  double question = -0.1;
};

struct Ranked {
  int32_t row = 0;  // of the corpus
  double score = 0;
  // The parts of the score.
  double lexical = 0, session = 0, speaker = 0, date = 0, answer = 0, question = 0;
};

struct Ranking {
  std::vector<Ranked> best;  // at most `limit`, falling score, ties by position
  double support = 0;        // see Recall::support
};

// BM25 as FTS5 defines it (k1 1.2, b 0.75), over windows that are summed from the counts of single
// turns: weights 1, 0.5 at distance 1, 0.2 at 2 and 3, in the same session only. Statistics come
// from `corpus` alone, so that other scopes have no influence.
// Turns of `excluded_session` (a session key; 0: none) are left out.
Ranking rank_turns(const Store& store, const Corpus& corpus, const Question& question, int limit,
                   int64_t excluded_session);

}  // namespace corvid::memory
