// Qwen3, dense: GQA with q and k norms and NEOX RoPE, SwiGLU.

#include "engine/models/shared/transformer.h"

namespace corvid::engine {

std::unique_ptr<Model> make_qwen3(const GgufFile& file, Ops& ops) {
  return make_transformer(file, ops, {});
}

}  // namespace corvid::engine
