// Kimi Linear (arXiv 2510.26692): KDA blocks, some of them replaced by latent attention without
// position encoding; experts behind some dense blocks.

#include "engine/layers/delta_rule.h"
#include "engine/layers/latent_attention.h"
#include "engine/layers/mlp.h"
#include "engine/layers/moe.h"
#include "engine/models/decoder.h"

namespace corvid::engine {
namespace {

DeltaRuleConfig kda_config(const ModelReader& reader, const ResidualStack& stack,
                           int64_t head_count) {
  DeltaRuleConfig config;
  config.dim = stack.dim();
  config.head_count = config.value_head_count = head_count;
  config.key_dim = config.value_dim = reader.count("kda.head_dim");
  config.norm_eps = stack.norm_eps();
  config.l2_eps = config.norm_eps * config.norm_eps;  // x / max(|x|, eps), smoothly
  config.shared_beta = true;
  config.output_gate = Activation::sigmoid;
  return config;
}

LatentAttentionConfig latent_config(const ModelReader& reader, const ResidualStack& stack,
                                    int64_t head_count) {
  LatentAttentionConfig config;
  config.dim = stack.dim();
  config.head_count = head_count;
  config.latent_dim = reader.count("attention.kv_lora_rank");
  config.position_dim = reader.count_or("rope.dimension_count", 0);
  config.key_dim = reader.count("attention.key_length_mla");
  config.value_dim = reader.count("attention.value_length_mla");
  config.norm_eps = stack.norm_eps();
  return config;
}

Layer make_ffn(const ModelReader& reader, const std::string& block, int64_t dim, Ops& ops) {
  if (!reader.has(block + "ffn_gate_inp.weight")) {
    return make_swiglu(reader, block, dim, reader.count("feed_forward_length"), ops);
  }
  MoeConfig defaults;
  defaults.dim = dim;
  defaults.gating = Gating::sigmoid;
  MoeConfig config = read_moe_config(reader, defaults);
  if (config.shared_dim == 0) {
    config.shared_dim = reader.count_or("expert_shared_count", 0) * config.hidden_dim;
  }
  return make_moe(reader, block, config, ops);
}

}  // namespace

std::unique_ptr<Model> make_kimi_linear(const ModelReader& reader, Ops& ops) {
  auto model = std::make_unique<Decoder>(reader, ops);
  ResidualStack& stack = model->stack();
  const int64_t block_count = model->config().layer_count;
  const auto heads = reader.counts("attention.head_count", block_count);
  const auto kv_heads = reader.counts("attention.head_count_kv", block_count);
  for (int64_t i = 0; i < block_count; ++i) {
    const std::string block = block_prefix(i);
    const auto at = static_cast<size_t>(i);
    reader.require(heads[at] > 0, reader.key("attention.head_count") + " is 0");
    stack.add(reader, block + "attn_norm.weight",
              kv_heads[at] == 0
                  ? make_delta_rule(reader, block, kda_config(reader, stack, heads[at]),
                                    model->memory(), ops)
                  : make_latent_attention(reader, block, latent_config(reader, stack, heads[at]),
                                          model->memory(), ops));
    stack.add(reader, block + "ffn_norm.weight", make_ffn(reader, block, stack.dim(), ops));
  }
  return model;
}

}  // namespace corvid::engine
