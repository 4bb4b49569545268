#include "engine/layers/model_reader.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "engine/backends/common/dequantize.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::engine {
namespace {

constexpr int64_t kCountMax = int64_t{1} << 28;

std::vector<int64_t> without_ones(std::span<const int64_t> shape) {
  std::vector<int64_t> result;
  std::copy_if(shape.begin(), shape.end(), std::back_inserter(result),
               [](int64_t size) { return size != 1; });
  return result;
}

std::string evaluated_types() {
  std::string names;
  for (uint32_t id = 0; id < 256; ++id) {
    const TypeInfo* info = find_type(id);
    if (info != nullptr && info->evaluated) names.append(" ").append(info->name);
  }
  return names;
}

// Tensors that other programs write beside a model and that change nothing of it.
bool says_nothing(std::string_view name) {
  return name.ends_with(".input_scale") || name.ends_with(".attn_rot_embd.weight");
}

std::shared_ptr<PackedSlot> new_slot(bool source_is_file) {
  return std::make_shared<PackedSlot>(PackedSlot{nullptr, source_is_file});
}

}  // namespace

void project(Ops& ops, const float* x, int64_t rows, std::span<const Projection> projections) {
  std::vector<Product> products;
  for (const Projection& one : projections) {
    products.push_back({&one.linear->weight, x, rows, one.y, {}});
  }
  ops.matmuls(products);
  for (const Projection& one : projections) one.linear->finish(ops, rows, one.y);
}

Linear slice(const Linear& all, int64_t first, int64_t count) {
  Linear part = all;
  part.weight.out = count;
  if (all.weight.slot) part.weight.slot = new_slot(all.weight.slot->source_is_file);
  part.weight.data += first * all.weight.row_bytes();
  if (!all.bias.empty()) {
    part.bias.assign(all.bias.begin() + first, all.bias.begin() + first + count);
  }
  return part;
}

ModelReader::ModelReader(const GgufFile& file)
    : file_(file), prefix_(file.string("general.architecture").value_or("") + ".") {}

std::string ModelReader::key(std::string_view name) const { return prefix_ + std::string(name); }

void ModelReader::require(bool good, const std::string& what, std::string_view about) const {
  if (!good) file_.damaged(what, about);
}

int64_t ModelReader::count_or(std::string_view name, int64_t fallback) const {
  const int64_t value = file_.integer(key(name)).value_or(fallback);
  require(value >= 0 && value <= kCountMax, "impossible " + key(name), key(name));
  return value;
}

int64_t ModelReader::count(std::string_view name) const {
  require(file_.has(key(name)), "no key " + key(name));
  const int64_t value = count_or(name, 0);
  require(value > 0, key(name) + " is 0", key(name));
  return value;
}

double ModelReader::real_or(std::string_view name, double fallback) const {
  const double value = file_.real(key(name)).value_or(fallback);
  require(std::isfinite(value), "impossible " + key(name), key(name));
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
  require(values->size() == size, key(name) + " has not one entry per block", key(name));
  for (const int64_t value : *values) {
    require(value >= 0 && value <= kCountMax, "impossible " + key(name), key(name));
  }
  return *values;
}

std::vector<int64_t> ModelReader::counts_or(std::string_view name,
                                            std::vector<int64_t> fallback) const {
  if (!file_.has(key(name))) return fallback;
  return counts(name, static_cast<int64_t>(fallback.size()));
}

std::vector<bool> ModelReader::flags(std::string_view name, int64_t block_count) const {
  std::optional<std::vector<bool>> values = file_.bool_array(key(name));
  require(values.has_value(), "no key " + key(name));
  const auto size = static_cast<size_t>(block_count);
  if (!file_.is_array(key(name))) values->resize(size, values->front());
  require(values->size() == size, key(name) + " has not one entry per block", key(name));
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
              shape_text({view.shape.data(), static_cast<size_t>(view.dim_count)}),
          name);
  read_.insert(name);
  const TypeInfo& info = type_info(view.type);
  if (!info.evaluated) {
    fail(Code::unsupported, file_.path() + ": tensor '" + name + "' is " + std::string(info.name) +
                                ", which cannot be computed with; known:" + evaluated_types());
  }
  return view;
}

Matrix ModelReader::matrix(const std::string& name, int64_t in, int64_t out) const {
  const TensorView& view = shaped(name, {in, out});
  require(view.shape[0] == in, "tensor '" + name + "' has its dimensions exchanged", name);
  return {view.type, in, out, view.data, new_slot(file_.is_mapped())};
}

Linear ModelReader::linear(const std::string& name, int64_t in, int64_t out) const {
  Linear result{matrix(name + ".weight", in, out), {}};
  if (has(name + ".bias")) result.bias = values(name + ".bias", {out});
  if (has(name + ".scale")) result.scale = values(name + ".scale", {1}).front();
  return result;
}

std::vector<Linear> ModelReader::linears(const std::string& name, int64_t in, int64_t out,
                                         int64_t count) const {
  const TensorView& view = shaped(name + ".weight", {in, out, count});
  require(view.shape[0] == in && view.shape[1] == out,
          "tensor '" + name + ".weight' has its dimensions exchanged", name + ".weight");
  std::vector<float> bias, scale;
  if (has(name + ".bias")) bias = values(name + ".bias", {out, count});
  if (has(name + ".scale")) {
    const bool each = tensor(name + ".scale").element_count() == count;
    scale = values(name + ".scale", {each ? count : 1});
  }
  std::vector<Linear> result;
  for (int64_t i = 0; i < count; ++i) {
    Linear slice{{view.type, in, out, view.data, new_slot(file_.is_mapped())}, {}};
    slice.weight.data += i * out * slice.weight.row_bytes();
    if (!bias.empty()) {
      slice.bias.assign(bias.begin() + i * out, bias.begin() + (i + 1) * out);
    }
    if (!scale.empty()) slice.scale = scale[scale.size() == 1 ? 0 : static_cast<size_t>(i)];
    result.push_back(std::move(slice));
  }
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

void ModelReader::require_all_read() const {
  const int64_t block_count = count("block_count");
  const int64_t trunk = block_count - count_or("nextn_predict_layers", 0);
  for (const TensorView& view : file_.tensors()) {
    const std::string& name = view.name;
    if (read_.contains(name) || says_nothing(name)) continue;
    if (name.starts_with("blk.")) {
      const int64_t index = std::strtoll(name.c_str() + 4, nullptr, 10);
      const std::string block = name.substr(0, name.find('.', 4) + 1);
      const auto first = read_.lower_bound(block);
      const bool begun = first != read_.end() && first->starts_with(block);
      if (index >= trunk && index < block_count && !begun) continue;
    } else if (!name.starts_with("output") && !name.starts_with("token_embd")) {
      continue;
    }
    fail(Code::unsupported, file_.path() + ": tensor '" + printable(name) +
                                "' has no place in a model of architecture '" +
                                printable(prefix_.substr(0, prefix_.size() - 1)) +
                                "' with these keys");
  }
}

}  // namespace corvid::engine
