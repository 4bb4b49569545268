#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/files/safetensors.h"
#include "engine/gguf.h"

namespace corvid::engine {

// Writes tensors of published models under GGUF's names, each with the shape that it must have.
class TensorMover {
 public:
  // `source` outlives it and `out`, which reads the tensors as it writes them. Without `type`
  // matrices stay what they are.
  TensorMover(const SafeTensors& source, std::optional<TensorType> type, GgufWriter& out)
      : source_(source), type_(type), out_(out) {}

  // Of the names: what some programs put in front of all of them. Taken off where it is there.
  void set_prefix(std::string prefix) { prefix_ = std::move(prefix); }
  bool has(const std::string& name) const { return find(name) != nullptr; }

  // `shape` is outermost first. Throws corrupt where the tensor is missing or has another shape;
  // unsupported for types that are no floats.
  void move(const std::string& from, const std::string& to, std::vector<int64_t> shape);
  // `from`.weight and, where present, `from`.bias.
  void move_linear(const std::string& from, const std::string& to, int64_t rows, int64_t columns);
  // The same for queries and keys of `heads`, from rotated halves to rotated neighbours.
  void move_rotated(const std::string& from, const std::string& to, int64_t rows, int64_t columns,
                    int64_t heads);

  int64_t tensor_count() const { return tensor_count_; }
  int64_t bytes() const { return bytes_; }
  int64_t unused_count() const;  // tensors that no move() took

 private:
  using Order = std::function<std::vector<float>(const std::vector<float>& values)>;

  const SafeTensors::Tensor* find(const std::string& name) const;
  // As move(), of values in another order.
  void move_ordered(const std::string& from, const std::string& to,
                    const std::vector<int64_t>& shape, const Order& order);

  const SafeTensors& source_;
  std::optional<TensorType> type_;
  GgufWriter& out_;
  std::string prefix_;
  int64_t tensor_count_ = 0, bytes_ = 0, used_count_ = 0;
};

}  // namespace corvid::engine
