#pragma once

#include <string>

#include "engine/layers/batch.h"
#include "engine/layers/model_reader.h"

namespace corvid::engine {

struct LatentAttentionConfig {
  int64_t dim = 0, head_count = 0;
  int64_t latent_dim = 0;    // what is kept of keys and values per token,
  int64_t position_dim = 0;  // and the part of keys that all heads share (not rotated)
  int64_t key_dim = 0, value_dim = 0;  // of a head; key_dim includes position_dim
  float norm_eps = 0;
};

// Multi-head latent attention (arXiv 2405.04434) without position encoding, in its absorbed form:
// the heads attend to the latent itself. attn_q, attn_kv_a_mqa, attn_kv_a_norm, attn_k_b and
// attn_v_b (or attn_kv_b, which is both), attn_output.
Layer make_latent_attention(const ModelReader& reader, const std::string& block,
                            const LatentAttentionConfig& config, MemorySpec& memory, Ops& ops);

}  // namespace corvid::engine
