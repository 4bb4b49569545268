// Llama and Mistral: GQA, RoPE over neighbouring pairs with optional factors, SwiGLU or Mixtral's
// experts.

#include "engine/models/shared/transformer.h"

namespace corvid::engine {

std::unique_ptr<Model> make_llama(const ModelReader& reader, Ops& ops) {
  return make_transformer(reader, ops, {.interleaved_rope = true, .rope_factors = true, .moe = {}});
}

}  // namespace corvid::engine
