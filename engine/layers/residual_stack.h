#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/layers/batch.h"
#include "engine/layers/model_reader.h"

namespace corvid::engine {

// The common frame of decoders: embedding; x += layer(rms(x)) for every layer; logits = output
// rms(x). `output.weight` absent: the embedding is the output matrix.
class ResidualStack {
 public:
  ResidualStack(const ModelReader& reader, Ops& ops);

  int64_t dim() const { return embedding_.in; }
  int64_t vocab_size() const { return output_.out; }
  float norm_eps() const { return norm_eps_; }

  // `norm` is the tensor of the layer's norm.
  void add(const ModelReader& reader, const std::string& norm, Layer layer);

  // The residual stream behind the last layer, (rows, dim). Throws cancelled at the batch's stop.
  std::vector<float> trunk(const Batch& batch) const;
  // What the output norm makes of `rows` rows; may be x itself.
  void output_norm(const float* x, int64_t rows, float* y) const;
  // The logits of a trunk's rows batch.logit_rows, (batch.logit_rows.size(), vocab_size).
  void logits(const Batch& batch, std::span<const float> x, std::span<float> out) const;

  const Matrix& embedding() const { return embedding_; }
  const Matrix& output() const { return output_; }

 private:
  struct Part {
    std::vector<float> norm;
    Layer layer;
  };
  void normed(const std::vector<float>& weight, const float* x, int64_t rows, float* y) const;

  Ops& ops_;
  float norm_eps_ = 0;
  Matrix embedding_, output_;
  std::vector<float> output_norm_;
  std::vector<Part> parts_;
};

}  // namespace corvid::engine
