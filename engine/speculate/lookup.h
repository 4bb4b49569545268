#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace corvid::engine {

// Prompt lookup: at most `count` tokens that followed when the newest tokens of `log` and then
// `next` were last there (the longest match of 4 to 2 tokens, the latest place). Empty: never.
std::vector<int32_t> look_up(std::span<const int32_t> log, int32_t next, int count);

}  // namespace corvid::engine
