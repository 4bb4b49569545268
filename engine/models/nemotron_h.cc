// Nemotron-H, dense (arXiv 2512.20856).

#include "engine/models/shared/nemotron.h"

namespace corvid::engine {

std::unique_ptr<Model> make_nemotron_h(const GgufFile& file, Ops& ops) {
  return make_nemotron(file, ops);
}

}  // namespace corvid::engine
