#include "engine/models/shared/nemotron.h"

#include "engine/layers/attention.h"
#include "engine/layers/mamba2.h"
#include "engine/layers/mlp.h"
#include "engine/layers/moe.h"
#include "engine/models/decoder.h"

namespace corvid::engine {
namespace {

AttentionConfig attention_config(const ModelReader& reader, const ResidualStack& stack,
                                 int64_t head_count, int64_t kv_head_count) {
  reader.require(head_count > 0, "an attention block has no heads");
  AttentionConfig config;
  config.dim = stack.dim();
  config.head_count = head_count;
  config.kv_head_count = kv_head_count;
  config.key_dim = reader.count_or("attention.key_length", stack.dim() / head_count);
  config.value_dim = reader.count_or("attention.value_length", config.key_dim);
  config.norm_eps = stack.norm_eps();
  return config;
}

// No gating function is written: these models use sigmoid.
MoeConfig moe_config(const ModelReader& reader, int64_t dim, int64_t hidden_dim) {
  MoeConfig defaults;
  defaults.dim = dim;
  defaults.hidden_dim = hidden_dim;
  defaults.gating = Gating::sigmoid;
  defaults.swiglu = false;
  return read_moe_config(reader, defaults);
}

// Attention and experts in one block, unlike the trunk's.
std::unique_ptr<DraftHead> make_draft_head(const ModelReader& reader, const ResidualStack& stack,
                                           MemorySpec& memory, Ops& ops) {
  const int64_t block_count = reader.count("block_count");
  const auto heads = reader.counts("attention.head_count", block_count);
  const auto kv_heads = reader.counts("attention.head_count_kv", block_count);
  const auto hidden_dims = reader.counts("feed_forward_length", block_count);
  auto head = std::make_unique<DraftHead>(stack, memory, ops, true);
  for (int64_t i = trunk_blocks(reader, block_count); i < block_count; ++i) {
    const std::string block = block_prefix(i);
    const auto at = static_cast<size_t>(i);
    const AttentionConfig attention = attention_config(reader, stack, heads[at], kv_heads[at]);
    const MoeConfig experts = moe_config(reader, stack.dim(), hidden_dims[at]);
    head->add(reader, block,
              {{block + "attn_norm.weight", make_attention(reader, block, attention, memory, ops)},
               {block + "post_attention_norm.weight", make_moe(reader, block, experts, ops)}});
  }
  return head;
}

}  // namespace

std::unique_ptr<Model> make_nemotron(const ModelReader& reader, Ops& ops) {
  auto model = std::make_unique<Decoder>(reader, ops);
  ResidualStack& stack = model->stack();
  const int64_t block_count = model->config().layer_count;
  const auto heads = reader.counts("attention.head_count", block_count);
  const auto kv_heads = reader.counts("attention.head_count_kv", block_count);
  const auto hidden_dims = reader.counts("feed_forward_length", block_count);
  // Trailing blocks of a draft head are no part of the trunk.
  const int64_t trunk = trunk_blocks(reader, block_count);
  for (int64_t i = 0; i < trunk; ++i) {
    const std::string block = block_prefix(i);
    const auto at = static_cast<size_t>(i);
    Layer layer;
    if (hidden_dims[at] > 0 && reader.has(block + "ffn_gate_inp.weight")) {
      layer = make_moe(reader, block, moe_config(reader, stack.dim(), hidden_dims[at]), ops);
    } else if (hidden_dims[at] > 0) {
      layer = make_relu_squared_mlp(reader, block, stack.dim(), hidden_dims[at], ops);
    } else if (kv_heads[at] > 0) {
      layer = make_attention(reader, block,
                             attention_config(reader, stack, heads[at], kv_heads[at]),
                             model->memory(), ops);
    } else {
      layer = make_mamba2(reader, block,
                          read_mamba2_config(reader, stack.dim(), stack.norm_eps()),
                          model->memory(), ops);
    }
    stack.add(reader, block + "attn_norm.weight", std::move(layer));
  }
  if (has_draft_blocks(reader, trunk, block_count)) {
    model->set_draft([reader, &ops](const ResidualStack& below, MemorySpec& memory) {
      return make_draft_head(reader, below, memory, ops);
    });
  }
  return model;
}

}  // namespace corvid::engine
