#pragma once

#include <string>

#include "engine/layers/batch.h"
#include "engine/layers/model_reader.h"

namespace corvid::engine {

struct Mamba2Config {
  int64_t dim = 0, head_count = 0, group_count = 0, inner_dim = 0, state_dim = 0;
  float norm_eps = 0;
};

// What `{a}.ssm.*` say.
Mamba2Config read_mamba2_config(const ModelReader& reader, int64_t dim, float norm_eps);

// The Mamba-2 mixer (arXiv 2405.21060): ssm_in gives z | x B C | dt; the gate comes before the
// grouped norm.
Layer make_mamba2(const ModelReader& reader, const std::string& block, const Mamba2Config& config,
                  MemorySpec& memory, Ops& ops);

}  // namespace corvid::engine
