// Qwen3, dense: GQA with q and k norms and NEOX RoPE, SwiGLU.

#include "engine/layers/attention.h"
#include "engine/layers/mlp.h"
#include "engine/models/decoder.h"
#include "runtime/base/error.h"

namespace corvid::engine {

std::unique_ptr<Model> make_qwen3(const GgufFile& file, Ops& ops) {
  const ModelReader reader(file);
  auto model = std::make_unique<Decoder>(reader, ops);
  const std::string scaling = file.string(reader.key("rope.scaling.type")).value_or("none");
  if (scaling != "none") {
    fail(Code::unsupported, file.path() + ": RoPE scaling '" + scaling + "' (known: none)");
  }
  AttentionConfig attention;
  attention.dim = model->config().dim;
  attention.head_count = reader.count("attention.head_count");
  attention.kv_head_count = reader.count_or("attention.head_count_kv", attention.head_count);
  attention.key_dim =
      reader.count_or("attention.key_length", attention.dim / attention.head_count);
  attention.value_dim = reader.count_or("attention.value_length", attention.key_dim);
  attention.rope_dims = reader.count_or("rope.dimension_count", attention.key_dim);
  attention.rope_base = reader.real_or("rope.freq_base", 10000);
  attention.norm_eps = model->stack().norm_eps();
  const int64_t hidden_dim = reader.count("feed_forward_length");
  for (int64_t i = 0; i < model->config().layer_count; ++i) {
    const std::string block = block_prefix(i);
    model->stack().add(reader, block + "attn_norm.weight",
                       make_attention(reader, block, attention, model->memory(), ops));
    model->stack().add(reader, block + "ffn_norm.weight",
                       make_swiglu(reader, block, attention.dim, hidden_dim, ops));
  }
  return model;
}

}  // namespace corvid::engine
