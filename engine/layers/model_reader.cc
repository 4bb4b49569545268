#include "engine/layers/model_reader.h"

#include <algorithm>
#include <cmath>

#include "engine/backends/common/dequantize.h"
#include "runtime/base/error.h"

namespace corvid::engine {
namespace {

constexpr int64_t kCountMax = int64_t{1} << 28;

std::vector<int64_t> without_ones(std::span<const int64_t> shape) {
  std::vector<int64_t> result;
  std::copy_if(shape.begin(), shape.end(), std::back_inserter(result),
               [](int64_t size) { return size != 1; });
  return result;
}

}  // namespace

ModelReader::ModelReader(const GgufFile& file)
    : file_(file), prefix_(file.string("general.architecture").value_or("") + ".") {}

std::string ModelReader::key(std::string_view name) const { return prefix_ + std::string(name); }

void ModelReader::require(bool good, const std::string& what) const {
  if (!good) fail(Code::corrupt, "corrupt: " + file_.path() + ": " + what);
}

int64_t ModelReader::count_or(std::string_view name, int64_t fallback) const {
  const int64_t value = file_.integer(key(name)).value_or(fallback);
  require(value >= 0 && value <= kCountMax, "impossible " + key(name));
  return value;
}

int64_t ModelReader::count(std::string_view name) const {
  require(file_.has(key(name)), "no key " + key(name));
  const int64_t value = count_or(name, 0);
  require(value > 0, key(name) + " is 0");
  return value;
}

double ModelReader::real_or(std::string_view name, double fallback) const {
  const double value = file_.real(key(name)).value_or(fallback);
  require(std::isfinite(value), "impossible " + key(name));
  return value;
}

double ModelReader::real(std::string_view name) const {
  require(file_.has(key(name)), "no key " + key(name));
  return real_or(name, 0);
}

std::vector<int64_t> ModelReader::counts(std::string_view name, int64_t block_count) const {
  std::optional<std::vector<int64_t>> values = file_.int_array(key(name));
  require(values.has_value(), "no key " + key(name));
  const auto size = static_cast<size_t>(block_count);
  if (!file_.is_array(key(name))) values->resize(size, values->front());
  require(values->size() == size, key(name) + " has not one entry per block");
  for (const int64_t value : *values) {
    require(value >= 0 && value <= kCountMax, "impossible " + key(name));
  }
  return *values;
}

std::vector<bool> ModelReader::flags(std::string_view name, int64_t block_count) const {
  std::optional<std::vector<bool>> values = file_.bool_array(key(name));
  require(values.has_value(), "no key " + key(name));
  const auto size = static_cast<size_t>(block_count);
  if (!file_.is_array(key(name))) values->resize(size, values->front());
  require(values->size() == size, key(name) + " has not one entry per block");
  return *values;
}

const TensorView& ModelReader::tensor(const std::string& name) const {
  const TensorView* view = file_.tensor(name);
  require(view != nullptr, "no tensor '" + name + "'");
  return *view;
}

const TensorView& ModelReader::shaped(const std::string& name,
                                      std::initializer_list<int64_t> shape) const {
  const TensorView& view = tensor(name);
  require(without_ones(view.shape) == without_ones(shape),
          "tensor '" + name + "' should be " + shape_text({shape.begin(), shape.size()}) +
              " by the metadata and is " +
              shape_text({view.shape.data(), static_cast<size_t>(view.dim_count)}));
  const TypeInfo& info = type_info(view.type);
  if (!info.evaluated) {
    fail(Code::unsupported, file_.path() + ": tensor '" + name + "' is " + std::string(info.name) +
                                ", which cannot be computed with (F32, F16, BF16, Q8_0 can)");
  }
  return view;
}

Matrix ModelReader::matrix(const std::string& name, int64_t in, int64_t out) const {
  const TensorView& view = shaped(name, {in, out});
  require(view.shape[0] == in, "tensor '" + name + "' has its dimensions exchanged");
  return {view.type, in, out, view.data};
}

Linear ModelReader::linear(const std::string& name, int64_t in, int64_t out) const {
  Linear result{matrix(name + ".weight", in, out), {}};
  if (has(name + ".bias")) result.bias = values(name + ".bias", {out});
  return result;
}

std::vector<float> ModelReader::values(const std::string& name,
                                       std::initializer_list<int64_t> shape) const {
  const TensorView& view = shaped(name, shape);
  std::vector<float> result(static_cast<size_t>(view.element_count()));
  dequantize_row(view.type, view.data, view.element_count(), result.data());
  return result;
}

int64_t ModelReader::dimension(const std::string& name, int index) const {
  return tensor(name).shape[static_cast<size_t>(index)];
}

}  // namespace corvid::engine
