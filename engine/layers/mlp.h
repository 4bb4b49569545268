#pragma once

#include <string>

#include "engine/layers/batch.h"
#include "engine/layers/model_reader.h"

namespace corvid::engine {

// ffn_down(silu(ffn_gate x) * ffn_up x)
Layer make_swiglu(const ModelReader& reader, const std::string& block, int64_t dim,
                  int64_t hidden_dim, Ops& ops);

// ffn_down(relu(ffn_up x)^2)
Layer make_relu_squared_mlp(const ModelReader& reader, const std::string& block, int64_t dim,
                            int64_t hidden_dim, Ops& ops);

}  // namespace corvid::engine
