#pragma once
// `corvid model embed|quantize|convert`, and what they share with the other model commands.

#include <filesystem>
#include <span>
#include <string>

#include "runtime/cli/command.h"

namespace corvid::runtime {

// A path, an installed model's name, or Fledgling for an empty name. Throws not_found.
std::filesystem::path find_model(const std::string& name);

// NumPy's format 1.0: little-endian float32, C order, the header padded to 64 bytes.
void write_npy(const std::filesystem::path& path, std::span<const float> values, size_t rows,
               size_t columns);

// Adds the commands to the group `model`.
void add_model_tools(Command& group);

}  // namespace corvid::runtime
