// BERT (arXiv 1810.04805): learned positions, biases, GELU.

#include "engine/models/shared/encoder.h"

namespace corvid::engine {

std::unique_ptr<Model> make_bert(const GgufFile& file, Ops& ops) {
  return make_encoder(file, ops, {});
}

}  // namespace corvid::engine
