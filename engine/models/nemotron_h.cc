// Nemotron-H, dense (arXiv 2512.20856).

#include "engine/models/shared/nemotron.h"

namespace corvid::engine {

std::unique_ptr<Model> make_nemotron_h(const ModelReader& reader, Ops& ops) {
  return make_nemotron(reader, ops);
}

}  // namespace corvid::engine
