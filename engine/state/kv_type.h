#pragma once

#include "engine/engine.h"
#include "engine/gguf.h"
#include "engine/state/sequence_memory.h"

namespace corvid::engine {

// How an engine with these options keeps a model's keys and values (EngineOptions::kv_type). Throws
// invalid for an unknown name, unsupported where heads are no whole blocks of the type.
TensorType choose_kv_type(const EngineOptions& options, const GgufFile& file,
                          const MemorySpec& memory);

}  // namespace corvid::engine
