#include "memory/ingest/vector.h"

#include <algorithm>
#include <cmath>

#include "memory/ingest/annotate.h"

namespace corvid::memory {

std::vector<int8_t> to_bytes(std::span<const float> vector) {
  float largest = 0;
  for (const float value : vector) largest = std::max(largest, std::abs(value));
  std::vector<int8_t> bytes;
  if (!(largest > 0)) return bytes;
  bytes.reserve(vector.size());
  for (const float value : vector) {
    bytes.push_back(static_cast<int8_t>(std::lround(value / largest * 127)));
  }
  return bytes;
}

std::vector<int8_t> turn_vector(const Turn& turn, const Embed& embed) {
  return to_bytes(embed(indexed_text(turn)));
}

}  // namespace corvid::memory
