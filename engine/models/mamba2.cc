// Mamba-2 (arXiv 2405.21060): a Mamba-2 mixer in every block and nothing else.

#include "engine/layers/mamba2.h"
#include "engine/models/decoder.h"

namespace corvid::engine {

std::unique_ptr<Model> make_mamba2(const ModelReader& reader, Ops& ops) {
  auto model = std::make_unique<Decoder>(reader, ops);
  const Mamba2Config config =
      read_mamba2_config(reader, model->config().dim, model->stack().norm_eps());
  for (int64_t i = 0; i < model->config().layer_count; ++i) {
    const std::string block = block_prefix(i);
    model->stack().add(reader, block + "attn_norm.weight",
                       make_mamba2(reader, block, config, model->memory(), ops));
  }
  return model;
}

}  // namespace corvid::engine
