#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/layers/model_reader.h"

namespace corvid::engine {

// How the heads of an attention layer are rotated.
struct Rope {
  std::vector<double> frequencies;  // (pairs) radians per position; empty: no position encoding
  float magnitude = 1;              // of what is rotated
  bool interleaved = false;         // pairs (2i, 2i + 1) instead of (i, i + pairs)
};

// Pair i of `dims` / 2 turns by base^(-2i/dims) / factors[i] per position (`factors` may be empty
// or longer), scaled as `{a}.rope.scaling.*` says: none, linear, or YaRN (arXiv 2309.00071). Throws
// corrupt for impossible values, unsupported for another kind of scaling.
Rope make_rope(const ModelReader& reader, int64_t dims, double base,
               std::span<const float> factors = {});

}  // namespace corvid::engine
