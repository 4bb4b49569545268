// HGRN-2 (arXiv 2404.07904), alone or with attention blocks.

#include "engine/layers/hgrn2.h"
#include "engine/models/shared/linear_hybrid.h"

namespace corvid::engine {
namespace {

Hgrn2Config hgrn2_config(const ModelReader& reader, const ResidualStack& stack) {
  Hgrn2Config config;
  config.dim = stack.dim();
  config.head_count = reader.count("ssm.time_step_rank");
  config.key_dim = reader.count("ssm.state_size");
  config.norm_eps = static_cast<float>(reader.real_or("hgrn2.norm_epsilon", stack.norm_eps()));
  return config;
}

}  // namespace

std::unique_ptr<Model> make_hgrn2(const ModelReader& reader, Ops& ops) {
  return make_linear_hybrid(
      reader, ops, [&reader, &ops](const ResidualStack& stack) -> MakeMixer {
        return [&reader, &ops, config = hgrn2_config(reader, stack)](const std::string& block,
                                                                     MemorySpec& memory) {
          return make_hgrn2(reader, block, config, memory, ops);
        };
      });
}

}  // namespace corvid::engine
