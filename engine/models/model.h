#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "engine/backends/ops.h"
#include "engine/gguf.h"
#include "engine/layers/batch.h"

namespace corvid::engine {

class ModelReader;

struct ModelConfig {
  int32_t dim = 0;          // residual stream
  int32_t layer_count = 0;  // blocks, as the file counts them
  int32_t vocab_size = 0;
  int32_t context_max = 0;  // tokens; 0: the file does not say
  bool is_encoder = false;  // gives hidden states alone; a batch item is a whole text
};

// What a forward pass writes; empty parts are not asked for.
struct Outputs {
  std::span<float> logits;  // (batch.logit_rows.size(), vocab_size)
  std::span<float> hidden;  // (batch.rows(), dim), after the last norm
};

// Weights and the graph that uses them. Immutable after construction. What a model keeps between
// steps it says itself, so that nothing outside of engine/models asks for an architecture by name.
class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelConfig& config() const = 0;
  virtual const MemorySpec& memory_spec() const = 0;

  // Evaluates the batch's tokens and writes the sequences' memory, without advancing it.
  virtual void forward(const Batch& batch, const Outputs& out) const = 0;

  // Makes the file's draft head ready: from then on forward() keeps it up with the trunk, which
  // takes memory of its own. Before the first pass. False: the file has none.
  virtual bool enable_draft() { return false; }
  // The `count` tokens that the draft head expects after `next`, which follows what `memory` holds,
  // which stays as it is. With `logits`, (count, vocab_size), what they were chosen by.
  virtual std::vector<int32_t> draft(SequenceMemory& memory, int32_t next, int count,
                                     std::span<float> logits) const {
    (void)memory, (void)next, (void)count, (void)logits;
    return {};
  }
};

bool is_known_architecture(std::string_view name);

// Builds the architecture that `file` names. Throws unsupported for an unknown one, naming the
// known ones, or for one with weights that the model would not use; corrupt for a file whose
// tensors do not fit its metadata. `file` and `ops` outlive the model.
std::unique_ptr<Model> make_model(const GgufFile& file, Ops& ops);

}  // namespace corvid::engine
