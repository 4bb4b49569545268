#include "engine/convert/tensor_mover.h"

#include <algorithm>

#include "engine/backends/common/dequantize.h"
#include "engine/quantize.h"
#include "runtime/base/error.h"

namespace corvid::engine {
namespace {

std::optional<TensorType> type_of(const std::string& name) {
  if (name == "F32") return TensorType::f32;
  if (name == "F16") return TensorType::f16;
  if (name == "BF16") return TensorType::bf16;
  return std::nullopt;
}

std::vector<int64_t> reversed(std::vector<int64_t> shape) {
  std::reverse(shape.begin(), shape.end());
  return shape;
}

}  // namespace

const SafeTensors::Tensor* TensorMover::find(const std::string& name) const {
  const auto& all = source_.tensors();
  auto found = all.find(prefix_ + name);
  if (found == all.end()) found = all.find(name);
  return found == all.end() ? nullptr : &found->second;
}

void TensorMover::move_ordered(const std::string& from, const std::string& to,
                               const std::vector<int64_t>& shape, const Order& order) {
  const SafeTensors::Tensor* tensor = find(from);
  if (tensor == nullptr) fail(Code::corrupt, "corrupt: no tensor '" + from + "'");
  if (tensor->shape != shape) {
    fail(Code::corrupt, "corrupt: tensor '" + from + "' should be " + shape_text(shape) +
                            " by config.json and is " + shape_text(tensor->shape));
  }
  const std::optional<TensorType> stored = type_of(tensor->type);
  if (!stored) fail(Code::unsupported, "tensor '" + from + "' is " + tensor->type);
  const std::vector<int64_t> gguf_shape = reversed(shape);
  const TensorType type = written_type(to, static_cast<int>(shape.size()), gguf_shape.front(),
                                       type_.value_or(*stored));
  bytes_ += out_.add_tensor(to, type, gguf_shape, [tensor, stored = *stored, type, order] {
    std::vector<float> values(static_cast<size_t>(tensor->element_count));
    dequantize_row(stored, tensor->data.data(), tensor->element_count, values.data());
    if (order) values = order(values);
    return quantize(type, values);
  });
  ++used_count_;
  ++tensor_count_;
}

void TensorMover::move(const std::string& from, const std::string& to, std::vector<int64_t> shape) {
  move_ordered(from, to, shape, nullptr);
}

void TensorMover::move_linear(const std::string& from, const std::string& to, int64_t rows,
                              int64_t columns) {
  move(from + ".weight", to + ".weight", {rows, columns});
  if (has(from + ".bias")) move(from + ".bias", to + ".bias", {rows});
}

void TensorMover::move_rotated(const std::string& from, const std::string& to, int64_t rows,
                               int64_t columns, int64_t heads) {
  const int64_t half = rows / heads / 2;
  for (const std::string part : {".weight", ".bias"}) {
    const bool is_bias = part == ".bias";
    if (is_bias && !has(from + part)) continue;
    const std::vector<int64_t> shape =
        is_bias ? std::vector<int64_t>{rows} : std::vector<int64_t>{rows, columns};
    const int64_t width = is_bias ? 1 : columns;
    move_ordered(from + part, to + part, shape,
                 [rows, half, width](const std::vector<float>& read) {
                   std::vector<float> ordered(read.size());
                   for (int64_t row = 0; row < rows; ++row) {
                     const int64_t head = row / (2 * half), pair = row % (2 * half) / 2;
                     const int64_t source = (head * 2 + row % 2) * half + pair;
                     std::copy_n(read.data() + source * width, width,
                                 ordered.data() + row * width);
                   }
                   return ordered;
                 });
  }
}

int64_t TensorMover::unused_count() const {
  return static_cast<int64_t>(source_.tensors().size()) - used_count_;
}

}  // namespace corvid::engine
