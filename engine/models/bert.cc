// BERT (arXiv 1810.04805): learned positions, biases, GELU.

#include "engine/models/shared/encoder.h"

namespace corvid::engine {

std::unique_ptr<Model> make_bert(const ModelReader& reader, Ops& ops) {
  return make_encoder(reader, ops, {});
}

}  // namespace corvid::engine
