#include <algorithm>

#include "engine/backends/cpu/delta_impl.h"
#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/ssd_impl.h"

namespace corvid::engine {

int64_t matmul_scratch(const Matrix& w) {
  // Q8_0 has a kernel of its own; other quantized rows are decoded first.
  const bool decoded = w.type != TensorType::q8_0 && find_unpack(w.type) != nullptr;
  return decoded ? kColumns * w.in : 0;
}

int64_t attention_scratch(const AttentionArgs& args, int64_t queries) {
  const int64_t of_query = args.key_dim + kAttentionBlock + args.value_dim;
  return queries * of_query + kAttentionBlock * std::max(args.key_dim, args.value_dim);
}

int64_t delta_scratch(const DeltaArgs& args) {
  int64_t floats = 0;
  carve(args, nullptr, floats);
  return std::max(floats, 2 * args.key_dim + args.value_dim);
}

int64_t ssd_scratch(const SsdArgs& args) {
  int64_t floats = 0;
  carve(args, nullptr, floats);
  return floats;
}

}  // namespace corvid::engine
