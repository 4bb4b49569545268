#pragma once

#include <string>

#include "engine/layers/batch.h"
#include "engine/layers/model_reader.h"

namespace corvid::engine {

struct GatedDeltaConfig {
  int64_t dim = 0, head_count = 0, value_head_count = 0, key_dim = 0, value_dim = 0;
  float norm_eps = 0;
  bool tiled = false;  // value head j reads key head j mod head_count, else j / (values per key)
};

// The mixer of Gated DeltaNet (arXiv 2412.06464) as Qwen3-Next and Qwen3.5 have it: one decay and
// one gate per value head; attn_qkv through one convolution, attn_gate after the norm. Older files
// have both in ssm_in, by key head: q, k, its v, its z.
Layer make_gated_delta(const ModelReader& reader, const std::string& block,
                       const GatedDeltaConfig& config, MemorySpec& memory, Ops& ops);

}  // namespace corvid::engine
