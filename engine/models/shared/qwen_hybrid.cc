#include "engine/models/shared/qwen_hybrid.h"

#include "engine/layers/attention.h"
#include "engine/layers/gated_delta.h"
#include "engine/layers/mlp.h"
#include "engine/layers/moe.h"

namespace corvid::engine {
namespace {

GatedDeltaConfig delta_config(const ModelReader& reader, const ResidualStack& stack, bool tiled) {
  GatedDeltaConfig config;
  config.dim = stack.dim();
  config.head_count = reader.count("ssm.group_count");
  config.value_head_count = reader.count("ssm.time_step_rank");
  config.key_dim = reader.count("ssm.state_size");
  const int64_t inner = reader.count("ssm.inner_size");
  reader.require(inner % config.value_head_count == 0,
                 reader.key("ssm.inner_size") + " is no multiple of the value heads");
  config.value_dim = inner / config.value_head_count;
  config.norm_eps = stack.norm_eps();
  config.tiled = tiled;
  return config;
}

// Text alone: the sections of multi-axis RoPE all turn by the token's position.
AttentionConfig attention_config(const ModelReader& reader, const ResidualStack& stack,
                                 int64_t block_count, size_t at) {
  AttentionConfig config;
  config.dim = stack.dim();
  config.head_count = reader.counts("attention.head_count", block_count)[at];
  config.kv_head_count = reader.counts("attention.head_count_kv", block_count)[at];
  config.key_dim = reader.count("attention.key_length");
  config.value_dim = reader.count_or("attention.value_length", config.key_dim);
  config.rope = make_rope(reader, reader.count_or("rope.dimension_count", config.key_dim),
                          reader.real_or("rope.freq_base", 10000));
  config.gated = true;
  config.norm_eps = stack.norm_eps();
  return config;
}

// attention.recurrent_layers decides where it is there, else every n-th block attends.
std::vector<bool> recurrent_blocks(const ModelReader& reader, int64_t block_count) {
  const char* key = "attention.recurrent_layers";
  if (reader.file().has(reader.key(key))) return reader.flags(key, block_count);
  const int64_t interval = reader.count_or("full_attention_interval", 4);
  reader.require(interval > 0, reader.key("full_attention_interval") + " is 0");
  std::vector<bool> recurrent;
  for (int64_t i = 0; i < block_count; ++i) recurrent.push_back((i + 1) % interval != 0);
  return recurrent;
}

Layer make_ffn(const ModelReader& reader, const std::string& block, int64_t dim, Ops& ops) {
  if (!reader.has(block + "ffn_gate_inp.weight")) {
    return make_swiglu(reader, block, dim, reader.count("feed_forward_length"), ops);
  }
  MoeConfig defaults;
  defaults.dim = dim;
  return make_moe(reader, block, read_moe_config(reader, defaults), ops);
}

// Whole blocks with full attention.
std::unique_ptr<DraftHead> make_draft_head(const ModelReader& reader, const ResidualStack& stack,
                                           MemorySpec& memory, Ops& ops) {
  const int64_t block_count = reader.count("block_count");
  auto head = std::make_unique<DraftHead>(stack, memory, ops, true);
  for (int64_t i = trunk_blocks(reader, block_count); i < block_count; ++i) {
    const std::string block = block_prefix(i);
    const AttentionConfig config =
        attention_config(reader, stack, block_count, static_cast<size_t>(i));
    head->add(reader, block,
              {{block + "attn_norm.weight", make_attention(reader, block, config, memory, ops)},
               {block + "post_attention_norm.weight", make_ffn(reader, block, stack.dim(), ops)}});
  }
  return head;
}

}  // namespace

std::unique_ptr<Model> make_qwen_hybrid(const ModelReader& reader, Ops& ops, bool tiled) {
  auto model = std::make_unique<Decoder>(reader, ops);
  ResidualStack& stack = model->stack();
  const int64_t block_count = model->config().layer_count;
  const std::vector<bool> recurrent = recurrent_blocks(reader, block_count);
  // Trailing blocks of a draft head are no part of the trunk.
  const int64_t trunk = trunk_blocks(reader, block_count);
  for (int64_t i = 0; i < trunk; ++i) {
    const std::string block = block_prefix(i);
    const auto at = static_cast<size_t>(i);
    stack.add(reader, block + "attn_norm.weight",
              recurrent[at]
                  ? make_gated_delta(reader, block, delta_config(reader, stack, tiled),
                                     model->memory(), ops)
                  : make_attention(reader, block,
                                   attention_config(reader, stack, block_count, at),
                                   model->memory(), ops));
    stack.add(reader, block + "post_attention_norm.weight",
              make_ffn(reader, block, stack.dim(), ops));
  }
  if (has_draft_blocks(reader, trunk, block_count)) {
    model->set_draft([reader, &ops](const ResidualStack& below, MemorySpec& memory) {
      return make_draft_head(reader, below, memory, ops);
    });
  }
  return model;
}

}  // namespace corvid::engine
