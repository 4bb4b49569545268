// Nemotron-H, dense (arXiv 2512.20856): every block is one of Mamba-2, attention without position
// encoding, or a squared-ReLU MLP.

#include "engine/layers/attention.h"
#include "engine/layers/mamba2.h"
#include "engine/layers/mlp.h"
#include "engine/models/decoder.h"
#include "runtime/base/error.h"

namespace corvid::engine {
namespace {

Mamba2Config mamba2_config(const ModelReader& reader, const ResidualStack& stack) {
  return {.dim = stack.dim(), .head_count = reader.count("ssm.time_step_rank"),
          .group_count = reader.count("ssm.group_count"),
          .inner_dim = reader.count("ssm.inner_size"), .state_dim = reader.count("ssm.state_size"),
          .conv_taps = reader.count_or("ssm.conv_kernel", 0), .norm_eps = stack.norm_eps()};
}

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

}  // namespace

std::unique_ptr<Model> make_nemotron_h(const GgufFile& file, Ops& ops) {
  const ModelReader reader(file);
  auto model = std::make_unique<Decoder>(reader, ops);
  ResidualStack& stack = model->stack();
  const int64_t block_count = model->config().layer_count;
  const auto heads = reader.counts("attention.head_count", block_count);
  const auto kv_heads = reader.counts("attention.head_count_kv", block_count);
  const auto hidden_dims = reader.counts("feed_forward_length", block_count);
  // Trailing blocks of a draft head are no part of the trunk.
  const int64_t trunk = block_count - reader.count_or("nextn_predict_layers", 0);
  for (int64_t i = 0; i < trunk; ++i) {
    const std::string block = block_prefix(i);
    const auto at = static_cast<size_t>(i);
    if (reader.has(block + "ffn_gate_inp.weight")) {
      fail(Code::unsupported, file.path() + ": " + block + "ffn_gate_inp.weight: experts");
    }
    Layer layer;
    if (hidden_dims[at] > 0) {
      layer = make_relu_squared_mlp(reader, block, stack.dim(), hidden_dims[at], ops);
    } else if (kv_heads[at] > 0) {
      layer = make_attention(reader, block,
                             attention_config(reader, stack, heads[at], kv_heads[at]),
                             model->memory(), ops);
    } else {
      layer = make_mamba2(reader, block, mamba2_config(reader, stack), model->memory(), ops);
    }
    stack.add(reader, block + "attn_norm.weight", std::move(layer));
  }
  return model;
}

}  // namespace corvid::engine
