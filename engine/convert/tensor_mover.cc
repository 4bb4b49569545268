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

std::vector<float> TensorMover::values(const std::string& from, const std::vector<int64_t>& shape) {
  const SafeTensors::Tensor* tensor = find(from);
  if (tensor == nullptr) fail(Code::corrupt, "corrupt: no tensor '" + from + "'");
  if (tensor->shape != shape) {
    fail(Code::corrupt, "corrupt: tensor '" + from + "' should be " + shape_text(shape) +
                            " by config.json and is " + shape_text(tensor->shape));
  }
  const std::optional<TensorType> type = type_of(tensor->type);
  if (!type) fail(Code::unsupported, "tensor '" + from + "' is " + tensor->type);
  stored_ = *type;
  ++used_count_;
  std::vector<float> result(static_cast<size_t>(tensor->element_count));
  dequantize_row(*type, tensor->data.data(), tensor->element_count, result.data());
  return result;
}

void TensorMover::write(const std::string& to, const std::vector<int64_t>& shape,
                        const std::vector<float>& all, TensorType stored) {
  const std::vector<int64_t> gguf_shape = reversed(shape);
  const TensorType type = written_type(to, static_cast<int>(shape.size()), gguf_shape.front(),
                                       type_.value_or(stored));
  const std::vector<std::byte> packed = quantize(type, all);
  out_.add_tensor(to, type, gguf_shape, packed);
  ++tensor_count_;
  bytes_ += static_cast<int64_t>(packed.size());
}

void TensorMover::move(const std::string& from, const std::string& to, std::vector<int64_t> shape) {
  const std::vector<float> all = values(from, shape);
  write(to, shape, all, stored_);
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
    const std::vector<float> read = values(from + part, shape);
    std::vector<float> ordered(read.size());
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t head = row / (2 * half), pair = row % (2 * half) / 2, side = row % 2;
      const int64_t source = (head * 2 + side) * half + pair;
      std::copy_n(read.data() + source * width, width, ordered.data() + row * width);
    }
    write(to + part, shape, ordered, stored_);
  }
}

int64_t TensorMover::unused_count() const {
  return static_cast<int64_t>(source_.tensors().size()) - used_count_;
}

}  // namespace corvid::engine
