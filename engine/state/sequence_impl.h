#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "engine/schedule/evaluator.h"
#include "engine/state/sequence_memory.h"

namespace corvid::engine {

inline constexpr size_t kSnapshotsMax = 32;

// The recurrent state at one position. Keys and values need no copy: those that a token there sees
// stay where they are.
struct Snapshot {
  int32_t length = 0;
  std::shared_ptr<const float[]> state;
};

struct Sequence::Impl {
  std::shared_ptr<Evaluator> evaluator;
  SequenceMemory memory;
  std::vector<Token> tokens;
  std::vector<int32_t> segments;    // ends, ascending
  std::vector<Snapshot> snapshots;  // lengths ascending, each the end of a segment

  explicit Impl(std::shared_ptr<Evaluator> e)
      : evaluator(std::move(e)), memory(evaluator->model().memory_spec(), evaluator->kv_type()) {}

  std::vector<int32_t> snapshot_lengths() const {
    std::vector<int32_t> lengths;
    for (const Snapshot& snapshot : snapshots) lengths.push_back(snapshot.length);
    return lengths;
  }

  // After the evaluation of one segment, of which nothing is taken back.
  void log(std::span<const Token> added) {
    const size_t page = tokens.size() / kPageTokens;
    tokens.insert(tokens.end(), added.begin(), added.end());
    segments.push_back(static_cast<int32_t>(tokens.size()));
    if (tokens.size() / kPageTokens != page) memory.drop_unseen(snapshot_lengths());
  }
};

}  // namespace corvid::engine
