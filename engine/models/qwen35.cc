// Qwen3.5 and 3.6, dense; value heads stand tiled over the key heads.

#include "engine/models/shared/qwen_hybrid.h"

namespace corvid::engine {

std::unique_ptr<Model> make_qwen35(const ModelReader& reader, Ops& ops) {
  return make_qwen_hybrid(reader, ops, true);
}

}  // namespace corvid::engine
