#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "engine/schedule/evaluator.h"
#include "engine/state/sequence_memory.h"

namespace corvid::engine {

// The recurrent state at one position. Keys and values need no copy: those before the position stay
// where they are.
struct Snapshot {
  int32_t length = 0;
  std::shared_ptr<const float[]> state;
};

struct Sequence::Impl {
  std::shared_ptr<Evaluator> evaluator;
  SequenceMemory memory;
  std::vector<Token> tokens;
  std::vector<int32_t> segments;    // ends, ascending
  std::vector<Snapshot> snapshots;  // lengths ascending

  explicit Impl(std::shared_ptr<Evaluator> e)
      : evaluator(std::move(e)), memory(evaluator->model().memory_spec(), evaluator->kv_type()) {}

  // After the evaluation of one segment.
  void log(std::span<const Token> added) {
    tokens.insert(tokens.end(), added.begin(), added.end());
    segments.push_back(static_cast<int32_t>(tokens.size()));
  }
};

}  // namespace corvid::engine
