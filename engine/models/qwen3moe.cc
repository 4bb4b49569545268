// Qwen3 with experts: Qwen3's attention; softmax over all experts, the chosen ones' weights add up
// to 1.

#include "engine/models/shared/transformer.h"

namespace corvid::engine {

std::unique_ptr<Model> make_qwen3moe(const ModelReader& reader, Ops& ops) {
  return make_transformer(reader, ops, {});
}

}  // namespace corvid::engine
