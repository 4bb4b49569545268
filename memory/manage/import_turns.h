#pragma once

#include <filesystem>
#include <vector>

#include "memory/types.h"

namespace corvid::memory {

inline constexpr int64_t kImportBytesMax = int64_t{4} << 30;
inline constexpr size_t kImportBatch = 500;  // turns per transaction

// Reads and checks the whole file; see Memory::import_turns. Throws invalid: "FILE line N: WHAT".
std::vector<NewTurn> read_turns_file(const std::filesystem::path& file);

}  // namespace corvid::memory
