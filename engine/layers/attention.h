#pragma once

#include <string>

#include "engine/layers/batch.h"
#include "engine/layers/model_reader.h"
#include "engine/layers/rope.h"

namespace corvid::engine {

struct AttentionConfig {
  int64_t dim = 0, head_count = 0, kv_head_count = 0, key_dim = 0, value_dim = 0;
  Rope rope;
  int64_t window = 0;  // 0: all tokens
  bool gated = false;       // attn_q gives query and gate of every head: sigmoid, on its output
  bool head_gated = false;  // attn_gate gives one gate for every head
  float norm_eps = 0;  // of attn_q_norm and attn_k_norm, used where the file has them
};

// Softmax attention with grouped keys and values: attn_q, attn_k, attn_v (or attn_qkv),
// attn_output.
Layer make_attention(const ModelReader& reader, const std::string& block,
                     const AttentionConfig& config, MemorySpec& memory, Ops& ops);

}  // namespace corvid::engine
