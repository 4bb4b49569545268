#include "engine/models/shared/transformer.h"

#include "engine/layers/attention.h"
#include "engine/layers/mlp.h"

namespace corvid::engine {
namespace {

std::vector<float> rope_factors(const ModelReader& reader, const TransformerKind& kind) {
  const std::string name = "rope_freqs.weight";
  if (!kind.rope_factors || !reader.has(name)) return {};
  return reader.values(name, {reader.dimension(name, 0)});
}

Layer make_ffn(const ModelReader& reader, const std::string& block, int64_t dim,
               int64_t hidden_dim, const MoeConfig& defaults, Ops& ops) {
  if (!reader.has(block + "ffn_gate_inp.weight")) {
    return make_swiglu(reader, block, dim, hidden_dim, ops);
  }
  MoeConfig moe = defaults;
  moe.dim = dim;
  moe.hidden_dim = hidden_dim;
  return make_moe(reader, block, read_moe_config(reader, moe), ops);
}

}  // namespace

std::unique_ptr<Model> make_transformer(const ModelReader& reader, Ops& ops,
                                        const TransformerKind& kind) {
  auto model = std::make_unique<Decoder>(reader, ops);
  const int64_t dim = model->config().dim, block_count = model->config().layer_count;
  const auto heads = reader.counts("attention.head_count", block_count);
  const auto kv_heads = reader.counts_or("attention.head_count_kv", heads);
  const auto hidden_dims = reader.counts("feed_forward_length", block_count);
  const std::vector<float> factors = rope_factors(reader, kind);
  for (int64_t i = 0; i < block_count; ++i) {
    const std::string block = block_prefix(i);
    const auto at = static_cast<size_t>(i);
    reader.require(heads[at] > 0, reader.key("attention.head_count") + " is 0");
    AttentionConfig attention;
    attention.dim = dim;
    attention.head_count = heads[at];
    attention.kv_head_count = kv_heads[at];
    attention.key_dim = reader.count_or("attention.key_length", dim / heads[at]);
    attention.value_dim = reader.count_or("attention.value_length", attention.key_dim);
    attention.rope = make_rope(reader, reader.count_or("rope.dimension_count", attention.key_dim),
                               reader.real_or("rope.freq_base", 10000), factors);
    attention.rope.interleaved = kind.interleaved_rope;
    attention.norm_eps = model->stack().norm_eps();
    model->stack().add(reader, block + "attn_norm.weight",
                       make_attention(reader, block, attention, model->memory(), ops));
    model->stack().add(reader, block + "ffn_norm.weight",
                       make_ffn(reader, block, dim, hidden_dims[at], kind.moe, ops));
  }
  return model;
}

}  // namespace corvid::engine
