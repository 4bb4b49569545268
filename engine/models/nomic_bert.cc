// Nomic Embed (arXiv 2402.01613): BERT with NEOX RoPE and SwiGLU, without biases.

#include "engine/models/shared/encoder.h"

namespace corvid::engine {

std::unique_ptr<Model> make_nomic_bert(const ModelReader& reader, Ops& ops) {
  return make_encoder(reader, ops, {.rope = true, .swiglu = true});
}

}  // namespace corvid::engine
