#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <vector>

#include "engine/state/journal.h"
#include "engine/state/sequence_memory.h"

namespace corvid::engine {

// Consecutive tokens of one sequence: rows [row, row + rows) of the batch.
// With a journal every row is evaluated as a step of its own, to the bit, and the layers note how
// their state is made anew.
struct BatchItem {
  SequenceMemory* memory = nullptr;  // prepared for `rows`; its length is the first row's position
  int64_t row = 0, rows = 0;
  Journal* journal = nullptr;
};

// The tokens of one forward pass.
struct Batch {
  std::vector<BatchItem> items;
  std::vector<int32_t> tokens;      // (rows)
  std::vector<int32_t> positions;   // (rows)
  std::vector<int32_t> logit_rows;  // rows whose logits are wanted, ascending
  std::stop_token stop;             // ends the pass between two layers

  int64_t rows() const { return static_cast<int64_t>(tokens.size()); }
};

// A part of a model: reads x (rows, dim), writes y (rows, dim) and the memory of the batch's
// sequences.
using Layer = std::function<void(const Batch& batch, const float* x, float* y)>;

}  // namespace corvid::engine
