#pragma once

#include <string>

#include "engine/layers/batch.h"
#include "engine/layers/model_reader.h"

namespace corvid::engine {

struct Hgrn2Config {
  int64_t dim = 0, head_count = 0, key_dim = 0;  // values share out the model's width
  float norm_eps = 0;  // of ssm_norm, over the whole width
};

// The mixer of HGRN-2 (arXiv 2404.07904): attn_k gives the forget logits, ssm_lower_bound (or 0)
// what is never forgotten; S <- diag(e^g) S + (1 - e^g) v^T, o = S^T q / sqrt(key_dim).
Layer make_hgrn2(const ModelReader& reader, const std::string& block, const Hgrn2Config& config,
                 MemorySpec& memory, Ops& ops);

}  // namespace corvid::engine
