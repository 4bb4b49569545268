// Nemotron 3 Nano, Super and Ultra (arXiv 2512.20848, 2606.15007): experts in place of MLPs, in the
// larger ones working in a latent width.

#include "engine/models/shared/nemotron.h"

namespace corvid::engine {

std::unique_ptr<Model> make_nemotron_h_moe(const ModelReader& reader, Ops& ops) {
  return make_nemotron(reader, ops);
}

}  // namespace corvid::engine
