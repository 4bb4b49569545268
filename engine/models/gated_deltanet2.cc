// Gated DeltaNet-2 (arXiv 2605.22791): delta-rule blocks, some of them replaced by attention that
// may be windowed; SwiGLU in every block.

#include "engine/layers/attention.h"
#include "engine/layers/delta_rule.h"
#include "engine/layers/mlp.h"
#include "engine/models/decoder.h"
#include "runtime/base/error.h"

namespace corvid::engine {
namespace {

Activation output_gate(const ModelReader& reader) {
  const std::string key = reader.key("gdn2.output_gate");
  const std::string name = reader.file().string(key).value_or("");
  if (name == "silu") return Activation::silu;
  if (name == "sigmoid") return Activation::sigmoid;
  fail(Code::unsupported,
       reader.file().path() + ": " + key + " '" + name + "' (known: silu, sigmoid)");
}

DeltaRuleConfig delta_config(const ModelReader& reader, const ResidualStack& stack) {
  DeltaRuleConfig config;
  config.dim = stack.dim();
  config.head_count = reader.count("ssm.group_count");
  config.value_head_count = reader.count("ssm.time_step_rank");
  config.key_dim = reader.count("ssm.state_size");
  const int64_t inner = reader.count("ssm.inner_size");
  reader.require(inner % config.value_head_count == 0,
                 reader.key("ssm.inner_size") + " is no multiple of the value heads");
  config.value_dim = inner / config.value_head_count;
  config.conv_taps = reader.count_or("ssm.conv_kernel", 0);
  config.norm_eps = stack.norm_eps();
  const GgufFile& file = reader.file();
  config.allow_neg_eigval = file.boolean(reader.key("gdn2.allow_neg_eigval")).value_or(false);
  if (file.has(reader.key("gdn2.decay_lower_bound"))) {
    config.decay_lower_bound = static_cast<float>(reader.real("gdn2.decay_lower_bound"));
    reader.require(*config.decay_lower_bound <= 0,
                   reader.key("gdn2.decay_lower_bound") + " is positive");
  }
  config.output_gate = output_gate(reader);
  return config;
}

struct AttentionBlocks {
  AttentionConfig config;
  std::vector<int64_t> heads, kv_heads;
  std::vector<bool> windowed;
};

AttentionBlocks attention_blocks(const ModelReader& reader, const ResidualStack& stack,
                                 int64_t block_count) {
  AttentionBlocks blocks;
  blocks.heads = reader.counts("attention.head_count", block_count);
  blocks.kv_heads = reader.counts("attention.head_count_kv", block_count);
  blocks.windowed.assign(static_cast<size_t>(block_count), true);
  if (reader.file().has(reader.key("attention.sliding_window_pattern"))) {
    blocks.windowed = reader.flags("attention.sliding_window_pattern", block_count);
  }
  blocks.config.dim = stack.dim();
  blocks.config.key_dim = reader.count("attention.key_length");
  blocks.config.value_dim = reader.count_or("attention.value_length", blocks.config.key_dim);
  blocks.config.rope_dims = reader.count_or("rope.dimension_count", blocks.config.key_dim);
  blocks.config.rope_base = reader.real_or("rope.freq_base", 10000);
  blocks.config.window = reader.count_or("attention.sliding_window", 0);
  blocks.config.norm_eps = stack.norm_eps();
  return blocks;
}

}  // namespace

std::unique_ptr<Model> make_gated_deltanet2(const GgufFile& file, Ops& ops) {
  const ModelReader reader(file);
  auto model = std::make_unique<Decoder>(reader, ops);
  ResidualStack& stack = model->stack();
  const int64_t block_count = model->config().layer_count;
  const std::vector<bool> recurrent = reader.flags("attention.recurrent_layers", block_count);
  const std::vector<int64_t> hidden_dims = reader.counts("feed_forward_length", block_count);
  for (int64_t i = 0; i < block_count; ++i) {
    const std::string block = block_prefix(i);
    const auto at = static_cast<size_t>(i);
    Layer mixer;
    if (recurrent[at]) {
      mixer = make_delta_rule(reader, block, delta_config(reader, stack), model->memory(), ops);
    } else {
      const AttentionBlocks blocks = attention_blocks(reader, stack, block_count);
      AttentionConfig config = blocks.config;
      config.head_count = blocks.heads[at];
      config.kv_head_count = blocks.kv_heads[at];
      if (!blocks.windowed[at]) config.window = 0;
      mixer = make_attention(reader, block, config, model->memory(), ops);
    }
    stack.add(reader, block + "attn_norm.weight", std::move(mixer));
    stack.add(reader, block + "ffn_norm.weight",
              make_swiglu(reader, block, stack.dim(), hidden_dims[at], ops));
  }
  return model;
}

}  // namespace corvid::engine
