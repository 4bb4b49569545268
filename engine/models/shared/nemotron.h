#pragma once

#include <memory>

#include "engine/models/model.h"

namespace corvid::engine {

// Nemotron-H and its mixtures of experts: every block is one of Mamba-2, attention without position
// encoding, a squared-ReLU MLP, or experts.
std::unique_ptr<Model> make_nemotron(const ModelReader& reader, Ops& ops);

}  // namespace corvid::engine
