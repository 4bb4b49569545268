#pragma once
// The frame of qwen3next, qwen35 and qwen35moe: Gated DeltaNet, every few blocks gated attention;
// an MLP or experts in every block.

#include "engine/models/decoder.h"

namespace corvid::engine {

// `tiled`: how value heads are laid out, see GatedDeltaConfig.
std::unique_ptr<Model> make_qwen_hybrid(const ModelReader& reader, Ops& ops, bool tiled);

}  // namespace corvid::engine
