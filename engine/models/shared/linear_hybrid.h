#pragma once
// The frame of gated-deltanet2 and hgrn2: recurrent blocks, some of them replaced by attention that
// may be windowed; SwiGLU in every block.

#include <functional>

#include "engine/models/decoder.h"

namespace corvid::engine {

// Makes the recurrent mixer of a block.
using MakeMixer = std::function<Layer(const std::string& block, MemorySpec& memory)>;

std::unique_ptr<Model> make_linear_hybrid(const ModelReader& reader, Ops& ops,
                                          const std::function<MakeMixer(const ResidualStack&)>&
                                              prepare);

}  // namespace corvid::engine
