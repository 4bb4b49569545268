#pragma once
// Operations that need no kernel of their own: shared by the backends.

#include "engine/backends/ops.h"

namespace corvid::engine {

void plain_rope(const RopeArgs& args);
void plain_gather(const Matrix& w, std::span<const int32_t> ids, float* y);

}  // namespace corvid::engine
