#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

namespace corvid::engine {

// What the recurrent layers of one sequence were given in a pass, so that the state after any of
// its rows can be made from the state before it without the rest of the model: how rejected drafts
// are taken back. Used under the evaluator's lock.
class Journal {
 public:
  // Brings `state`, a sequence's whole state, over the first `rows` rows of the pass.
  using Redo = std::function<void(std::span<float> state, int64_t rows)>;

  void add(Redo redo) { parts_.push_back(std::move(redo)); }
  void redo(std::span<float> state, int64_t rows) const {
    for (const Redo& part : parts_) part(state, rows);
  }

 private:
  std::vector<Redo> parts_;
};

}  // namespace corvid::engine
