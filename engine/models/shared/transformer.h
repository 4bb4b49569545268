#pragma once
// What the plain transformers (llama, qwen3 and their mixtures of experts) have in common.

#include "engine/layers/moe.h"
#include "engine/models/decoder.h"

namespace corvid::engine {

struct TransformerKind {
  bool interleaved_rope = false;  // pairs (2i, 2i + 1)
  bool rope_factors = false;      // rope_freqs.weight, where the file has it
  MoeConfig moe;                  // defaults of blocks that have a router
};

// Pre-norm blocks of GQA and SwiGLU or experts; head counts and widths may differ by block.
std::unique_ptr<Model> make_transformer(const ModelReader& reader, Ops& ops,
                                        const TransformerKind& kind);

}  // namespace corvid::engine
