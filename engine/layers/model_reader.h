#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/backends/ops.h"
#include "engine/gguf.h"

namespace corvid::engine {

// A matrix with an optional bias.
struct Linear {
  Matrix weight;
  std::vector<float> bias;  // (out) or empty
  float scale = 1;          // of the product: NVFP4 weights have one

  void run(Ops& ops, const float* x, int64_t rows, float* y) const {
    ops.matmul(weight, x, rows, y);
    finish(ops, rows, y);
  }
  // Makes of the product with the weight what run() gives.
  void finish(Ops& ops, int64_t rows, float* y) const {
    for (int64_t i = 0; scale != 1 && i < rows * weight.out; ++i) y[i] *= scale;
    if (!bias.empty()) ops.affine(nullptr, bias.data(), y, rows, weight.out);
  }
};

// Several projections of the same rows, each to its y.
struct Projection {
  const Linear* linear = nullptr;
  float* y = nullptr;
};
void project(Ops& ops, const float* x, int64_t rows, std::span<const Projection> projections);

// The outputs [first, first + count) of `all` as a projection of their own.
Linear slice(const Linear& all, int64_t first, int64_t count);

// Reads a model's configuration and tensors, with every size checked. Keys are given without the
// architecture's prefix. Throws corrupt naming key or tensor, with the shape expected and the one
// found; unsupported naming tensor and type for types that cannot be computed with. Used by one
// thread at a time.
class ModelReader {
 public:
  explicit ModelReader(const GgufFile& file);

  const GgufFile& file() const { return file_; }
  std::string key(std::string_view name) const;

  int64_t count(std::string_view name) const;  // required, at least 1
  int64_t count_or(std::string_view name, int64_t fallback) const;  // at least 0
  double real(std::string_view name) const;    // required, finite
  double real_or(std::string_view name, double fallback) const;
  // One entry per block; a single value stands for all.
  std::vector<int64_t> counts(std::string_view name, int64_t block_count) const;
  // The same; the fallback where the key is absent.
  std::vector<int64_t> counts_or(std::string_view name, std::vector<int64_t> fallback) const;
  std::vector<bool> flags(std::string_view name, int64_t block_count) const;

  bool has(const std::string& tensor) const { return file_.tensor(tensor) != nullptr; }
  Matrix matrix(const std::string& tensor, int64_t in, int64_t out) const;
  // `name`.weight and, where present, `name`.bias and `name`.scale.
  Linear linear(const std::string& name, int64_t in, int64_t out) const;
  // The `count` slices of `name`.weight {in, out, count}, each with its bias and scale.
  std::vector<Linear> linears(const std::string& name, int64_t in, int64_t out,
                              int64_t count) const;
  // A tensor of this shape (dimensions of 1 do not count) as float32.
  std::vector<float> values(const std::string& tensor, std::initializer_list<int64_t> shape) const;
  int64_t dimension(const std::string& tensor, int index) const;

  // Throws unsupported naming a tensor of the embedding, the output or a block that was not read,
  // for without it the model would be another one. Blocks of a draft head may be left out whole.
  void require_all_read() const;

  // Throws corrupt "corrupt: FILE: WHAT at OFFSET" unless `good`; `about` is the key or the tensor
  // that it stands at (GgufFile::damaged).
  void require(bool good, const std::string& what, std::string_view about = {}) const;

 private:
  const TensorView& tensor(const std::string& name) const;
  const TensorView& shaped(const std::string& name, std::initializer_list<int64_t> shape) const;

  const GgufFile& file_;
  std::string prefix_;
  mutable std::set<std::string, std::less<>> read_;  // tensors whose values were asked for
};

}  // namespace corvid::engine
