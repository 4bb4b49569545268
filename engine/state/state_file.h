#pragma once
// The file of a sequence's state: bound to one model, with a version and a checksum.

#include <string>
#include <string_view>

#include "engine/state/sequence_impl.h"

namespace corvid::engine {

std::string encode_state(Sequence::Impl& sequence);

// Fills `fresh`, a sequence without tokens. Throws corrupt "corrupt: NAME: WHAT at OFFSET";
// unsupported for another version; invalid "saved by another model" or with another choice of
// EngineOptions::draft_head or kv_type.
void decode_state(std::string_view bytes, const std::string& name, Sequence::Impl& fresh);

}  // namespace corvid::engine
