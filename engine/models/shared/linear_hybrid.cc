#include "engine/models/shared/linear_hybrid.h"

#include "engine/layers/attention.h"
#include "engine/layers/mlp.h"

namespace corvid::engine {
namespace {

// The attention of block `at`; its keys are read only where a block attends.
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
  config.norm_eps = stack.norm_eps();
  config.window = reader.count_or("attention.sliding_window", 0);
  const char* pattern = "attention.sliding_window_pattern";
  if (reader.file().has(reader.key(pattern)) && !reader.flags(pattern, block_count)[at]) {
    config.window = 0;
  }
  return config;
}

}  // namespace

std::unique_ptr<Model> make_linear_hybrid(const ModelReader& reader, Ops& ops,
                                          const std::function<MakeMixer(const ResidualStack&)>&
                                              prepare) {
  auto model = std::make_unique<Decoder>(reader, ops);
  ResidualStack& stack = model->stack();
  const int64_t block_count = model->config().layer_count;
  const std::vector<bool> recurrent = reader.flags("attention.recurrent_layers", block_count);
  const std::vector<int64_t> hidden_dims = reader.counts("feed_forward_length", block_count);
  MakeMixer make_mixer;
  for (int64_t i = 0; i < block_count; ++i) {
    const std::string block = block_prefix(i);
    const auto at = static_cast<size_t>(i);
    Layer mixer;
    if (recurrent[at]) {
      if (!make_mixer) make_mixer = prepare(stack);
      mixer = make_mixer(block, model->memory());
    } else {
      mixer = make_attention(reader, block, attention_config(reader, stack, block_count, at),
                             model->memory(), ops);
    }
    stack.add(reader, block + "attn_norm.weight", std::move(mixer));
    if (hidden_dims[at] == 0) continue;
    stack.add(reader, block + "ffn_norm.weight",
              make_swiglu(reader, block, stack.dim(), hidden_dims[at], ops));
  }
  return model;
}

}  // namespace corvid::engine
