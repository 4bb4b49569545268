#pragma once
// What a model file says about itself, without loading it.

#include <cstdint>
#include <optional>
#include <string>

#include "engine/engine.h"

namespace corvid::engine {

struct ModelOutline {
  // One letter per block: M Mamba-2, A attention, S sliding-window attention, D delta rule, K KDA,
  // R HGRN-2, L latent attention, - MLP, E experts, ? none of these.
  std::string layers;
  std::string ffn;  // likewise, the second half of blocks that have two; empty: none has
  int64_t block_count = 0, draft_block_count = 0;  // draft: the trailing ones of a draft head
  int64_t parameter_count = 0;
  int64_t decode_bytes = 0;  // weights that one token of decoding reads, used experts only
};

// Works on metadata and tensor table of any architecture, on metadata alone where there are no
// tensors. Throws corrupt for wrong kinds of values.
ModelOutline outline(const GgufFile& file);

struct MemoryNeeds {
  int64_t state_bytes = 0;         // of one sequence, whatever its length
  int64_t kv_bytes_per_token = 0;  // of layers that see all tokens
  // Of layers that see a window: for the newest window_tokens (the widest window), besides what
  // snapshots hold on to.
  int64_t window_bytes = 0, window_tokens = 0;
  std::string kv_type;             // "F32", "F16" or "Q8_0", as those bytes are counted
};

// What a sequence of an engine with these options needs. nullopt for an architecture or tensor type
// that cannot be computed with. Throws corrupt for tensors that do not fit the metadata, else like
// Engine::load().
std::optional<MemoryNeeds> memory_needs(const GgufFile& file, const EngineOptions& options = {});

}  // namespace corvid::engine
