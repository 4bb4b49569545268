#pragma once

#include <memory>

#include "engine/models/model.h"

namespace corvid::engine {

// The BERT family (arXiv 1810.04805): every token sees the whole text, LayerNorm behind each part.
struct EncoderKind {
  bool rope = false;    // instead of learned positions
  bool swiglu = false;  // instead of GELU (with erf)
};

std::unique_ptr<Model> make_encoder(const ModelReader& reader, Ops& ops, const EncoderKind& kind);

}  // namespace corvid::engine
