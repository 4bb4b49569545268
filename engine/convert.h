#pragma once
// Models as they are published, a folder of safetensors with config.json and tokenizer, into GGUF.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "engine/gguf.h"

namespace corvid::engine {

struct ConvertReport {
  std::string architecture;
  int64_t tensor_count = 0, bytes = 0;  // of weights written
  int64_t unused_count = 0;             // tensors that the model does not compute with
};

// Reads model_type bert, llama, mistral or qwen3 (also as embedding models, with
// 1_Pooling/config.json). Matrices become `type`, by default the type that they are in; norms and
// vectors float32. Throws unsupported for other models and tokenizers; corrupt for tensors that are
// missing or have another shape than config.json says.
ConvertReport convert_model(const std::filesystem::path& folder, std::optional<TensorType> type,
                            const std::filesystem::path& out);

}  // namespace corvid::engine
