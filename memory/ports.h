#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"

namespace corvid::memory {

// What memory needs of the outside, given by whoever makes a Memory. Empty functions are allowed:
// memory then works without that ability.

using Embed = std::function<std::vector<float>(std::string_view text)>;   // unit length
using Complete = std::function<std::string(const std::string& prompt)>;  // a model's answer
using CountTokens = std::function<int64_t(std::string_view text)>;       // of the model that reads

struct Ports {
  Embed embed{};
  Complete complete{};
  CountTokens count_tokens{};  // empty: ceil(UTF-8 bytes / 4)
  Clock now{};                 // empty: the system's clock
};

}  // namespace corvid::memory
