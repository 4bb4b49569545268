// Qwen3 with experts: Qwen3's attention; softmax over all experts, the chosen ones' weights add up
// to 1.

#include "engine/models/shared/transformer.h"

namespace corvid::engine {

std::unique_ptr<Model> make_qwen3moe(const GgufFile& file, Ops& ops) {
  return make_transformer(file, ops, {});
}

}  // namespace corvid::engine
