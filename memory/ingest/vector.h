#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "memory/ports.h"
#include "memory/types.h"

namespace corvid::memory {

// A vector as it is stored: one signed byte a component, the largest of them 127 or -127. Its
// length carries no meaning. Empty stays empty.
std::vector<int8_t> to_bytes(std::span<const float> vector);

// Of the indexed text of a turn.
std::vector<int8_t> turn_vector(const Turn& turn, const Embed& embed);

}  // namespace corvid::memory
