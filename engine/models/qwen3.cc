// Qwen3, dense: GQA with q and k norms and NEOX RoPE, SwiGLU.

#include "engine/models/shared/transformer.h"

namespace corvid::engine {

std::unique_ptr<Model> make_qwen3(const ModelReader& reader, Ops& ops) {
  return make_transformer(reader, ops, {});
}

}  // namespace corvid::engine
