#pragma once

#include <optional>
#include <string>

#include "engine/layers/batch.h"
#include "engine/layers/model_reader.h"

namespace corvid::engine {

struct DeltaRuleConfig {
  int64_t dim = 0, head_count = 0, value_head_count = 0, key_dim = 0, value_dim = 0;
  float norm_eps = 0, l2_eps = 1e-6f;  // the latter beside the sum of squares
  bool shared_beta = false;  // KDA: one ssm_beta per head is both gates, and there is no ssm_write
  bool allow_neg_eigval = false;            // the erase gate reaches 2
  std::optional<float> decay_lower_bound;   // absent: the softplus form
  Activation output_gate = Activation::silu;
};

// The mixer of Gated DeltaNet-2 (arXiv 2605.22791): per-channel decay, erase and write gates. With
// `shared_beta` that of Kimi Linear (arXiv 2510.26692).
Layer make_delta_rule(const ModelReader& reader, const std::string& block,
                      const DeltaRuleConfig& config, MemorySpec& memory, Ops& ops);

}  // namespace corvid::engine
