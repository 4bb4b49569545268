#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "engine/backends/ops.h"
#include "engine/gguf.h"
#include "engine/layers/batch.h"

namespace corvid::engine {

struct ModelConfig {
  int32_t dim = 0;          // residual stream
  int32_t layer_count = 0;  // blocks, as the file counts them
  int32_t vocab_size = 0;
  int32_t context_max = 0;  // tokens; 0: the file does not say
};

// Weights and the graph that uses them. Immutable after construction. What a model keeps between
// steps it says itself, so that nothing outside of engine/models asks for an architecture by name.
class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelConfig& config() const = 0;
  virtual const MemorySpec& memory_spec() const = 0;

  // Evaluates the batch's tokens, writes the sequences' memory (without advancing it) and logits
  // (batch.logit_rows.size(), vocab_size).
  virtual void forward(const Batch& batch, std::span<float> logits) const = 0;
};

bool is_known_architecture(std::string_view name);

// Builds the architecture that `file` names. Throws unsupported for an unknown one, naming the
// known ones; corrupt for a file whose tensors do not fit its metadata. `file` and `ops` outlive
// the model.
std::unique_ptr<Model> make_model(const GgufFile& file, Ops& ops);

}  // namespace corvid::engine
