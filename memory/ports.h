#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"

namespace corvid::memory {

// What memory needs of the outside, given by whoever makes a Memory. Empty functions are allowed:
// memory then works without that ability.

// Unit length, always of one size; empty when the text says nothing to it.
using Embed = std::function<std::vector<float>(std::string_view text)>;
// A model's answer: one JSON value of `schema` (a JSON Schema), or what it said instead. Throws
// when there is none. Asked by consolidation and for sub-queries only, never by a write.
using Complete =
    std::function<std::string(const std::string& prompt, const std::string& schema)>;
using CountTokens = std::function<int64_t(std::string_view text)>;  // of the model that reads

struct Ports {
  Embed embed{};
  std::string embedder{};  // names what `embed` is; vectors under another name are made anew
  // Whether `embed` reads sentences, as a model does, rather than words one by one, as tables do.
  bool embeds_sentences = false;
  Complete complete{};
  std::string model{};  // names what `complete` is
  CountTokens count_tokens{};  // empty: ceil(UTF-8 bytes / 4)
  Clock now{};                 // empty: the system's clock
};

}  // namespace corvid::memory
