#pragma once
// Weights into the types of GGUF files.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/gguf.h"

namespace corvid::engine {

// F32, F16, BF16, Q8_0, Q4_0, Q5_0, Q4_K or Q6_K by name, in any case; nullopt for others.
std::optional<TensorType> writable_type(std::string_view name);

// Packs a whole number of blocks; scales are searched for the smallest squared error. Throws
// unsupported for a type that writable_type() does not give.
std::vector<std::byte> quantize(TensorType type, std::span<const float> values);

// What a tensor of this name becomes where `asked` is asked for its matrices. Norms, vectors,
// convolutions, expert routers, position and token-type embeddings stay float32, as other programs
// leave them; rows that are no whole number of blocks get a type with smaller ones, or F16.
TensorType written_type(const std::string& name, int dim_count, int64_t row_length,
                        TensorType asked);

struct QuantizeReport {
  int64_t tensor_count = 0, quantized_count = 0, bytes_before = 0, bytes_after = 0;
  int64_t fallback_count = 0;  // matrices that got another type than asked for
};

// Writes `file` anew, with all its metadata, its matrices in written_type(). Throws unsupported for
// a tensor in a type that cannot be read.
QuantizeReport quantize_file(const GgufFile& file, TensorType type,
                             const std::filesystem::path& out);

}  // namespace corvid::engine
