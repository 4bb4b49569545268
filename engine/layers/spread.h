#pragma once

#include <cstdint>
#include <vector>

namespace corvid::engine {

// Every value `width` times: (n) -> (n, width).
inline std::vector<float> spread(const std::vector<float>& values, int64_t width) {
  std::vector<float> wide;
  wide.reserve(values.size() * static_cast<size_t>(width));
  for (const float value : values) wide.insert(wide.end(), static_cast<size_t>(width), value);
  return wide;
}

}  // namespace corvid::engine
