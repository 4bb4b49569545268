#pragma once

#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/backends/ops.h"
#include "engine/engine.h"
#include "engine/gguf.h"
#include "engine/models/model.h"
#include "engine/schedule/turns.h"
#include "engine/state/sequence_memory.h"

namespace corvid::engine {

inline constexpr int32_t kLengthMax = 1 << 28;  // tokens of one sequence

// A loaded model, which computes one pass at a time. Thread-safe. Shared by the engine and its
// sequences.
class Evaluator {
 public:
  Evaluator(const std::filesystem::path& path, const EngineOptions& options);

  const GgufFile& file() const { return *file_; }
  const Model& model() const { return *model_; }
  const std::string& hash() const { return hash_; }
  TensorType kv_type() const { return kv_type_; }  // of keys and values that are kept
  std::string backend_text() const { return ops_->description(); }

  // Throws invalid for a token outside of the vocabulary.
  void check(std::span<const Token> tokens) const;

  struct Item {
    SequenceMemory* memory = nullptr;
    std::span<const Token> tokens;  // consecutive, checked
    Journal* journal = nullptr;     // see BatchItem
  };
  enum class Rows { none, last, all };

  // Evaluates the items in one pass and advances their memories. `logits` holds the last or all
  // rows of every item, in order; `hidden`, unless empty, (all rows, dim). The memories differ.
  // Throws cancelled at a stop: the memories then have their old lengths, but new states, as after
  // any error of the pass. Up to kSharedRowsMax rows without `hidden`, `stop`, a journal or
  // Rows::all share the pass with those of other threads: the same results, to the bit.
  void run(std::span<const Item> items, Rows rows, std::span<float> logits,
           std::span<float> hidden = {}, const std::stop_token& stop = {});

  // Takes back all but `kept` of the `rows` rows of the pass that `journal` noted, the last one of
  // `memory`; `before` is the state before it.
  void redo(const Journal& journal, SequenceMemory& memory,
            std::shared_ptr<const float[]> before, int32_t kept, int32_t rows);

  // As Model::draft().
  std::vector<Token> draft(SequenceMemory& memory, Token next, int count, std::span<float> logits);

  // Runs `work`, which must not come back here, while nothing else computes.
  void alone(const std::function<void()>& work);

  StepCounts counts() const { return turns_.counts(); }
  int waiting_count() const { return turns_.waiting_count(); }

 private:
  struct Call;
  void forward(std::span<Turns::Call* const> calls);

  std::unique_ptr<GgufFile> file_;
  std::string hash_;
  std::unique_ptr<Ops> ops_;
  std::unique_ptr<Model> model_;
  TensorType kv_type_ = TensorType::f32;
  std::vector<float> rows_;  // logits of a pass that several calls share
  Turns turns_;
};

}  // namespace corvid::engine
