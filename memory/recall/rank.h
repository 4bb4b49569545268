#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "memory/recall/corpus.h"
#include "memory/recall/question.h"
#include "memory/recall/signals.h"
#include "memory/recall/vectors.h"

namespace corvid::memory {

// Weights of the signals, each of which is scaled to 0..1 first. They were chosen by coordinate
// search on development sets: two-person chats, one user's chats with an assistant, and sessions of
// a coding agent (the half `tune` of tests/bench/memory/coding).
struct Weights {
  double own = 0;       // BM25 of the turn
  double near = 0;      // of the turn and its neighbours
  double wide = 0;      // of the turn and its neighbours up to 3
  double session = 0;   // of the whole session
  double user = 0;      // of what users said in the session
  double speaker = 0;   // said by the person, or the role, asked about
  double date = 0;
  double time = 0;      // names a time, when one is asked for
  double name = 0;      // has names, when one is asked for
  double question = 0;  // asks itself
  double reply = 0;     // BM25 of the question to which it answers
  double first = 0;     // opens its session
  double length = 0;    // each doubling of the words beyond 20: a budget holds less of what is long
  double own_vector = 0, near_vector = 0, wide_vector = 0;  // see Similarity
  double session_vector = 0;  // nearest thing a user said in the session
};

struct Ranked {
  int32_t row = 0;  // of the corpus
  double score = 0;
  // The parts of the score.
  double lexical = 0, session = 0, vector = 0, speaker = 0, date = 0, answer = 0, question = 0,
         length = 0, statement = 0;
};

struct Ranking {
  std::vector<Ranked> best;  // at most `limit`, falling score, ties by position
  double support = 0;        // see Recall::support
  std::vector<double> term_weights;  // of the question's terms
};

struct RankRequest {
  const Question& question;
  std::span<const std::vector<RowCount>> hits;  // of each of its terms
  const Similarity& similarity;    // empty: without vectors
  int limit = 0;
  int64_t excluded_session = 0;  // a session key; 0: none
  Time until = Time::max();      // what was said from then on is not known
  // Makes an inexact `similarity` exact for the rows given, which may be among the best.
  std::function<void(std::span<const int32_t>)> refine{};
};

// BM25 (k1 1.2, b 0.75) over windows that are summed from the counts of single turns of one
// session. Statistics come from `corpus` alone, so that other scopes have no influence. `signals`
// is written over.
Ranking rank_turns(const Corpus& corpus, Signals& signals, const RankRequest& request);

}  // namespace corvid::memory
