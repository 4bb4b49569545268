// Step 3.5 (arXiv 2602.10604): sliding-window and full attention with their own head counts and
// RoPE, a gate per head; experts with clamped SwiGLU behind some dense blocks.

#include "engine/layers/attention.h"
#include "engine/layers/mlp.h"
#include "engine/layers/moe.h"
#include "engine/models/decoder.h"

namespace corvid::engine {
namespace {

struct Blocks {
  std::vector<int64_t> heads, kv_heads;
  std::vector<bool> windowed;
  std::vector<double> clamp, shared_clamp;  // 0: none
};

std::vector<double> reals(const ModelReader& reader, const char* name, int64_t block_count) {
  auto values = reader.file().real_array(reader.key(name)).value_or(std::vector<double>{});
  reader.require(values.empty() || static_cast<int64_t>(values.size()) == block_count,
                 reader.key(name) + " has not one entry per block");
  values.resize(static_cast<size_t>(block_count));
  return values;
}

// Full layers rotate half of the head, by factors; windowed ones all of it with their own base.
AttentionConfig attention_config(const ModelReader& reader, const ResidualStack& stack,
                                 const Blocks& blocks, size_t at) {
  AttentionConfig config;
  config.dim = stack.dim();
  config.head_count = blocks.heads[at];
  config.kv_head_count = blocks.kv_heads[at];
  config.key_dim = reader.count("attention.key_length");
  config.value_dim = reader.count_or("attention.value_length", config.key_dim);
  const int64_t dims = reader.count_or("rope.dimension_count", config.key_dim);
  const double base = reader.real_or("rope.freq_base", 10000);
  if (blocks.windowed[at]) {
    config.window = reader.count("attention.sliding_window");
    config.rope = make_rope(reader, dims, reader.real_or("rope.freq_base_swa", base));
  } else {
    std::vector<float> factors;
    const std::string name = "rope_freqs.weight";
    if (reader.has(name)) factors = reader.values(name, {reader.dimension(name, 0)});
    config.rope = make_rope(reader, dims / 2, base, factors);
  }
  config.head_gated = true;
  config.norm_eps = stack.norm_eps();
  return config;
}

Layer make_ffn(const ModelReader& reader, const std::string& block, const Blocks& blocks,
               size_t at, Ops& ops) {
  const int64_t dim = reader.count("embedding_length");
  if (!reader.has(block + "ffn_gate_inp.weight")) {
    return make_swiglu(reader, block, dim, reader.count("feed_forward_length"), ops);
  }
  MoeConfig defaults;
  defaults.dim = dim;
  defaults.gating = Gating::sigmoid;
  defaults.clamp = static_cast<float>(blocks.clamp[at]);
  defaults.shared_clamp = static_cast<float>(blocks.shared_clamp[at]);
  return make_moe(reader, block, read_moe_config(reader, defaults), ops);
}

Blocks read_blocks(const ModelReader& reader, int64_t block_count) {
  return {reader.counts("attention.head_count", block_count),
          reader.counts("attention.head_count_kv", block_count),
          reader.flags("attention.sliding_window_pattern", block_count),
          reals(reader, "swiglu_clamp_exp", block_count),
          reals(reader, "swiglu_clamp_shexp", block_count)};
}

// Blocks like the trunk's, chained by their states before any norm.
std::unique_ptr<DraftHead> make_draft_head(const ModelReader& reader, const ResidualStack& stack,
                                           MemorySpec& memory, Ops& ops) {
  const int64_t block_count = reader.count("block_count");
  const Blocks blocks = read_blocks(reader, block_count);
  auto head = std::make_unique<DraftHead>(stack, memory, ops, false);
  for (int64_t i = trunk_blocks(reader, block_count); i < block_count; ++i) {
    const std::string block = block_prefix(i);
    const auto at = static_cast<size_t>(i);
    const AttentionConfig config = attention_config(reader, stack, blocks, at);
    head->add(reader, block,
              {{block + "attn_norm.weight", make_attention(reader, block, config, memory, ops)},
               {block + "ffn_norm.weight", make_ffn(reader, block, blocks, at, ops)}});
  }
  return head;
}

}  // namespace

std::unique_ptr<Model> make_step35(const ModelReader& reader, Ops& ops) {
  auto model = std::make_unique<Decoder>(reader, ops);
  ResidualStack& stack = model->stack();
  const int64_t block_count = model->config().layer_count;
  const Blocks blocks = read_blocks(reader, block_count);
  // Trailing blocks of a draft head are no part of the trunk.
  const int64_t trunk = trunk_blocks(reader, block_count);
  for (int64_t i = 0; i < trunk; ++i) {
    const std::string block = block_prefix(i);
    const auto at = static_cast<size_t>(i);
    stack.add(reader, block + "attn_norm.weight",
              make_attention(reader, block, attention_config(reader, stack, blocks, at),
                             model->memory(), ops));
    stack.add(reader, block + "ffn_norm.weight", make_ffn(reader, block, blocks, at, ops));
  }
  if (has_draft_blocks(reader, trunk, block_count)) {
    model->set_draft([reader, &ops](const ResidualStack& below, MemorySpec& memory) {
      return make_draft_head(reader, below, memory, ops);
    });
  }
  return model;
}

}  // namespace corvid::engine
