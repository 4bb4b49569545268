#pragma once
// Packed weights of any quantized type, made of random bytes with scales of ordinary size.

#include <cstring>
#include <vector>

#include "engine/backends/common/dequantize.h"
#include "engine/gguf.h"
#include "tests/engine/random_model.h"

namespace corvid::test {

inline const std::vector<engine::TensorType>& quantized_types() {
  using enum engine::TensorType;
  static const std::vector<engine::TensorType> types = {
      q4_0, q4_1, q5_0, q5_1, q8_0, q2_k, q3_k, q4_k, q5_k, q6_k, iq4_nl, iq4_xs, mxfp4, nvfp4};
  return types;
}

inline void set_block_scales(engine::TensorType type, std::byte* block, Random& random) {
  using enum engine::TensorType;
  const auto half = [&](int64_t at, double size) {
    const uint16_t bits = engine::float_to_half(random.between(0.5 * size, size));
    std::memcpy(block + at, &bits, sizeof bits);
  };
  switch (type) {
    case q2_k: half(80, 0.02), half(82, 0.01); break;
    case q3_k: half(108, 0.01); break;
    case q4_k: case q5_k: half(0, 0.002), half(2, 0.002); break;
    case q6_k: half(208, 0.0005); break;
    case iq4_xs: half(0, 0.0005); break;
    case mxfp4: block[0] = static_cast<std::byte>(122 + 4 * random.next()); break;
    case nvfp4:
      for (int i = 0; i < 4; ++i) block[i] = static_cast<std::byte>(20 + 30 * random.next());
      break;
    case q8_0: case iq4_nl: half(0, 0.01); break;
    default: half(0, 0.1);
  }
  if (type == q4_1 || type == q5_1) half(2, 0.5);
}

// `count` values, a whole number of blocks.
inline std::vector<std::byte> random_weights(engine::TensorType type, int64_t count,
                                             Random& random) {
  const engine::TypeInfo& info = engine::type_info(type);
  std::vector<std::byte> bytes(static_cast<size_t>(count / info.block_elements * info.block_bytes));
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(256 * random.next());
  for (size_t at = 0; at < bytes.size(); at += static_cast<size_t>(info.block_bytes)) {
    set_block_scales(type, bytes.data() + at, random);
  }
  return bytes;
}

}  // namespace corvid::test
