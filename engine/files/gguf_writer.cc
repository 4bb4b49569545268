#include <algorithm>
#include <cstring>
#include <limits>

#include "engine/files/gguf_format.h"
#include "engine/gguf.h"
#include "runtime/base/atomic_file.h"
#include "runtime/base/error.h"

namespace corvid::engine {
namespace {

template <typename T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_string(std::string& out, std::string_view text) {
  put<uint64_t>(out, text.size());
  out.append(text);
}

void put_array_header(std::string& out, ValueType element, size_t count) {
  put(out, static_cast<uint32_t>(ValueType::array));
  put(out, static_cast<uint32_t>(element));
  put<uint64_t>(out, count);
}

int64_t padded(int64_t size) {
  return (size + kGgufAlignment - 1) / kGgufAlignment * kGgufAlignment;
}

bool fits_i32(int64_t value) {
  return value == static_cast<int32_t>(value);
}

struct WrittenTensor {
  std::string name;
  TensorType type = TensorType::f32;
  std::vector<int64_t> shape;
  int64_t bytes = 0;
  GgufWriter::MakeBytes make;
};

// 0 for an impossible shape.
int64_t tensor_bytes(TensorType type, std::span<const int64_t> shape) {
  const TypeInfo& info = type_info(type);
  if (shape.empty() || shape.size() > 4 || shape[0] % info.block_elements != 0) return 0;
  int64_t elements = 1;
  for (const int64_t size : shape) {
    if (size < 1 || size > (int64_t{1} << 40) / elements) return 0;
    elements *= size;
  }
  return elements / info.block_elements * info.block_bytes;
}

[[noreturn]] void refuse_bytes(const std::string& name, TensorType type,
                               std::span<const int64_t> shape, size_t count) {
  fail(Code::invalid, "tensor '" + name + "': " + std::to_string(count) + " bytes do not fit " +
                          std::string(type_info(type).name) + " " + shape_text(shape));
}

}  // namespace

struct GgufWriter::Impl {
  std::vector<std::pair<std::string, std::string>> values;  // key, type and value as bytes
  std::vector<WrittenTensor> tensors;

  void set(const std::string& key, std::string value) {
    for (auto& [known, old] : values) {
      if (known == key) {
        old = std::move(value);
        return;
      }
    }
    values.emplace_back(key, std::move(value));
  }

  // All in front of the tensors' data.
  std::string head() const;
  // Calls `put_part(bytes)` for the whole file, part by part.
  template <typename Put>
  void emit(const Put& put_part) const;
};

GgufWriter::GgufWriter() : impl_(std::make_unique<Impl>()) {}
GgufWriter::~GgufWriter() = default;

void GgufWriter::set_integer(const std::string& key, int64_t value) {
  std::string out;
  if (value >= 0 && value <= std::numeric_limits<uint32_t>::max()) {
    put(out, static_cast<uint32_t>(ValueType::u32));
    put(out, static_cast<uint32_t>(value));
  } else {
    put(out, static_cast<uint32_t>(ValueType::i64));
    put(out, value);
  }
  impl_->set(key, std::move(out));
}

void GgufWriter::set_real(const std::string& key, double value) {
  std::string out;
  put(out, static_cast<uint32_t>(ValueType::f32));
  put(out, static_cast<float>(value));
  impl_->set(key, std::move(out));
}

void GgufWriter::set_boolean(const std::string& key, bool value) {
  std::string out;
  put(out, static_cast<uint32_t>(ValueType::boolean));
  put<uint8_t>(out, value ? 1 : 0);
  impl_->set(key, std::move(out));
}

void GgufWriter::set_string(const std::string& key, std::string_view value) {
  std::string out;
  put(out, static_cast<uint32_t>(ValueType::string));
  put_string(out, value);
  impl_->set(key, std::move(out));
}

void GgufWriter::set_int_array(const std::string& key, std::span<const int64_t> values) {
  std::string out;
  const bool narrow = std::all_of(values.begin(), values.end(), fits_i32);
  put_array_header(out, narrow ? ValueType::i32 : ValueType::i64, values.size());
  for (const int64_t value : values) {
    narrow ? put(out, static_cast<int32_t>(value)) : put(out, value);
  }
  impl_->set(key, std::move(out));
}

void GgufWriter::set_real_array(const std::string& key, std::span<const double> values) {
  std::string out;
  put_array_header(out, ValueType::f32, values.size());
  for (const double value : values) put(out, static_cast<float>(value));
  impl_->set(key, std::move(out));
}

void GgufWriter::set_bool_array(const std::string& key, const std::vector<bool>& values) {
  std::string out;
  put_array_header(out, ValueType::boolean, values.size());
  for (const bool value : values) put<uint8_t>(out, value ? 1 : 0);
  impl_->set(key, std::move(out));
}

void GgufWriter::set_string_array(const std::string& key, std::span<const std::string> values) {
  std::string out;
  put_array_header(out, ValueType::string, values.size());
  for (const std::string& value : values) put_string(out, value);
  impl_->set(key, std::move(out));
}

void GgufWriter::copy_value(const GgufFile& file, std::string_view key) {
  const std::span<const std::byte> value = file.value_bytes(key);
  if (value.empty()) fail(Code::not_found, file.path() + ": no key '" + std::string(key) + "'");
  impl_->set(std::string(key), {reinterpret_cast<const char*>(value.data()), value.size()});
}

void GgufWriter::add_tensor(const std::string& name, TensorType type,
                            std::span<const int64_t> shape, std::span<const std::byte> bytes) {
  if (tensor_bytes(type, shape) != static_cast<int64_t>(bytes.size())) {
    refuse_bytes(name, type, shape, bytes.size());
  }
  add_tensor(name, type, shape,
             [copy = std::vector<std::byte>(bytes.begin(), bytes.end())] { return copy; });
}

int64_t GgufWriter::add_tensor(const std::string& name, TensorType type,
                               std::span<const int64_t> shape, MakeBytes make) {
  const int64_t bytes = tensor_bytes(type, shape);
  if (bytes == 0) refuse_bytes(name, type, shape, 0);
  for (const WrittenTensor& known : impl_->tensors) {
    if (known.name == name) fail(Code::invalid, "tensor '" + name + "' is there already");
  }
  impl_->tensors.push_back({name, type, {shape.begin(), shape.end()}, bytes, std::move(make)});
  return bytes;
}

std::string GgufWriter::Impl::head() const {
  std::string out;
  put(out, kGgufMagic);
  put(out, kGgufVersion);
  put<uint64_t>(out, tensors.size());
  put<uint64_t>(out, values.size());
  for (const auto& [key, value] : values) {
    put_string(out, key);
    out += value;
  }
  int64_t offset = 0;
  for (const WrittenTensor& tensor : tensors) {
    put_string(out, tensor.name);
    put(out, static_cast<uint32_t>(tensor.shape.size()));
    for (const int64_t size : tensor.shape) put(out, static_cast<uint64_t>(size));
    put(out, static_cast<uint32_t>(tensor.type));
    put(out, static_cast<uint64_t>(offset));
    offset += padded(tensor.bytes);
  }
  out.resize(static_cast<size_t>(padded(static_cast<int64_t>(out.size()))));
  return out;
}

template <typename Put>
void GgufWriter::Impl::emit(const Put& put_part) const {
  put_part(head());
  for (const WrittenTensor& tensor : tensors) {
    const std::vector<std::byte> data = tensor.make();
    if (static_cast<int64_t>(data.size()) != tensor.bytes) {
      refuse_bytes(tensor.name, tensor.type, tensor.shape, data.size());
    }
    put_part(std::string_view(reinterpret_cast<const char*>(data.data()), data.size()));
    put_part(std::string(static_cast<size_t>(padded(tensor.bytes) - tensor.bytes), '\0'));
  }
}

std::string GgufWriter::bytes() const {
  std::string out;
  impl_->emit([&out](std::string_view part) { out += part; });
  return out;
}

void GgufWriter::write(const std::filesystem::path& path) const {
  AtomicFile file(path);
  impl_->emit([&file](std::string_view part) { file.write(part); });
  file.commit();
}

}  // namespace corvid::engine
