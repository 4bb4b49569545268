#include "engine/layers/residual_stack.h"

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/base/error.h"

namespace corvid::engine {
namespace {

// Some converters write the other name alone.
const char* norm_key(const ModelReader& reader) {
  const char *usual = "attention.layer_norm_rms_epsilon", *other = "attention.layer_norm_epsilon";
  const GgufFile& file = reader.file();
  return !file.has(reader.key(usual)) && file.has(reader.key(other)) ? other : usual;
}

}  // namespace

ResidualStack::ResidualStack(const ModelReader& reader, Ops& ops)
    : ops_(ops),
      norm_eps_(static_cast<float>(reader.real(norm_key(reader)))) {
  reader.require(norm_eps_ >= 0, "impossible " + reader.key("attention.layer_norm_rms_epsilon"));
  const int64_t dim = reader.count("embedding_length");
  const std::string embedding = "token_embd.weight";
  const int64_t vocab_size = reader.has(embedding) ? reader.dimension(embedding, 1) : 0;
  embedding_ = reader.matrix(embedding, dim, vocab_size);
  output_ = reader.has("output.weight") ? reader.matrix("output.weight", dim, vocab_size)
                                        : embedding_;
  output_norm_ = reader.values("output_norm.weight", {dim});
}

void ResidualStack::add(const ModelReader& reader, const std::string& norm, Layer layer) {
  parts_.push_back({reader.values(norm, {dim()}), std::move(layer)});
}

void ResidualStack::normed(const std::vector<float>& weight, const float* x, int64_t rows,
                           float* y) const {
  ops_.norm({.x = x, .y = y, .weight = weight.data(), .rows = rows, .width = dim(),
             .eps = norm_eps_});
}

std::vector<float> ResidualStack::trunk(const Batch& batch) const {
  const int64_t rows = batch.rows();
  std::vector<float> x(static_cast<size_t>(rows * dim())), u(x.size()), y(x.size());
  ops_.gather(embedding_, batch.tokens, x.data());
  for (const Part& part : parts_) {
    if (batch.stop.stop_requested()) fail(Code::cancelled, "cancelled");
    normed(part.norm, x.data(), rows, u.data());
    part.layer(batch, u.data(), y.data());
    ops_.add(y.data(), x.data(), rows * dim());
  }
  return x;
}

void ResidualStack::output_norm(const float* x, int64_t rows, float* y) const {
  normed(output_norm_, x, rows, y);
}

void ResidualStack::logits(const Batch& batch, std::span<const float> x,
                           std::span<float> out) const {
  const auto wanted = static_cast<int64_t>(batch.logit_rows.size());
  if (wanted == 0) return;
  CHECK(static_cast<int64_t>(out.size()) == wanted * vocab_size());
  std::vector<float> u(static_cast<size_t>(wanted * dim()));
  for (int64_t i = 0; i < wanted; ++i) {
    std::copy_n(&x[static_cast<size_t>(batch.logit_rows[static_cast<size_t>(i)] * dim())], dim(),
                &u[static_cast<size_t>(i * dim())]);
  }
  normed(output_norm_, u.data(), wanted, u.data());
  ops_.matmul(output_, u.data(), wanted, out.data());
}

}  // namespace corvid::engine
