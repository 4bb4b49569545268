// Qwen3-Next and Qwen3-Coder-Next, whose value heads stand grouped by their key head.

#include "engine/models/shared/qwen_hybrid.h"

namespace corvid::engine {

std::unique_ptr<Model> make_qwen3next(const ModelReader& reader, Ops& ops) {
  return make_qwen_hybrid(reader, ops, false);
}

}  // namespace corvid::engine
