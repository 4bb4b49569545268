// Qwen3-Next and Qwen3-Coder-Next, whose value heads stand grouped by their key head.

#include "engine/models/shared/qwen_hybrid.h"

namespace corvid::engine {

std::unique_ptr<Model> make_qwen3next(const GgufFile& file, Ops& ops) {
  return make_qwen_hybrid(file, ops, false);
}

}  // namespace corvid::engine
