#include <algorithm>
#include <bit>
#include <limits>
#include <unordered_map>

#include "engine/files/byte_reader.h"
#include "engine/files/gguf_format.h"
#include "engine/files/mapped_file.h"
#include "engine/files/metadata.h"
#include "engine/gguf.h"
#include "runtime/base/text.h"

namespace corvid::engine {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr uint64_t kTensorsMax = 1u << 20;
constexpr uint64_t kKeysMax = 1u << 20;
constexpr uint64_t kKeyBytesMax = 65535;
constexpr uint64_t kTensorNameBytesMax = 512;  // the format says 64; longer ones exist
constexpr uint32_t kTypeIdsMax = 512;          // those of all forks are below
constexpr int64_t kPartsMax = 1024;

// The file of part `number` (from 0) beside the first, "NAME-00001-of-00003.gguf".
std::filesystem::path part_path(const std::filesystem::path& first, int64_t number,
                                int64_t count) {
  const auto ending = [count](int64_t n) {
    std::string digits = std::to_string(n + 1), all = std::to_string(count);
    digits.insert(0, 5 - std::min<size_t>(5, digits.size()), '0');
    all.insert(0, 5 - std::min<size_t>(5, all.size()), '0');
    return "-" + digits + "-of-" + all + ".gguf";
  };
  std::string name = first.string();
  if (!name.ends_with(ending(0))) {
    fail(Code::invalid, name + ": the first of " + std::to_string(count) +
                            " parts should end in '" + ending(0) + "'");
  }
  name.resize(name.size() - ending(0).size());
  return name + ending(number);
}

}  // namespace

struct GgufFile::Impl {
  std::string name;
  std::unique_ptr<MappedFile> mapping;  // null when parsed from memory
  std::vector<std::byte> copy;
  std::span<const std::byte> bytes;
  Metadata metadata;
  std::vector<TensorView> tensors;
  std::vector<uint64_t> entries;  // offsets of this part's tensors in its table
  uint64_t table_end = 0;
  std::unordered_map<std::string_view, size_t> index;
  std::vector<std::unique_ptr<GgufFile>> parts;  // the others of a file in parts
  uint64_t data_start = 0;

  void read();
  void read_metadata(ByteReader& in, uint64_t count);
  void read_tensor(ByteReader& in);
  uint64_t alignment() const;
  void place_tensors(ByteReader& in);
  int64_t part_count() const { return metadata.integer("split.count", name).value_or(1); }
  void read_parts(const std::filesystem::path& path);
  void add_part(std::unique_ptr<GgufFile> part, int64_t number);
};

void GgufFile::Impl::read() {
  ByteReader in(bytes, name);
  if (in.left() < 4 || in.read<uint32_t>("magic") != kGgufMagic) {
    ByteReader(bytes, name).damaged("not a GGUF file");
  }
  const uint32_t version = in.read<uint32_t>("version");
  if (version != 2 && version != 3) {
    fail(Code::unsupported, name + ": GGUF version " + std::to_string(version) +
                                " (2 and 3 are known; a big-endian file shows up so, too)");
  }
  const uint64_t tensor_count = in.read<uint64_t>("tensor count");
  const uint64_t key_count = in.read<uint64_t>("key count");
  // The smallest entries: 8 + 4 + 1 bytes of metadata, 8 + 4 + 4 + 8 bytes of a tensor.
  if (key_count > kKeysMax || key_count > in.left() / 13) in.damaged("impossible key count");
  if (tensor_count > kTensorsMax || tensor_count > in.left() / 24) {
    in.damaged("impossible tensor count");
  }
  read_metadata(in, key_count);
  tensors.reserve(tensor_count);  // so that the index may point at their names
  for (uint64_t i = 0; i < tensor_count; ++i) read_tensor(in);
  table_end = in.offset();
  place_tensors(in);
}

void GgufFile::Impl::read_metadata(ByteReader& in, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    const std::string_view key = in.read_string("key");
    if (key.empty() || key.size() > kKeyBytesMax) in.damaged("key of impossible length");
    if (!metadata.add(key, in)) in.damaged("duplicate key '" + printable(key) + "'");
  }
}

void GgufFile::Impl::read_tensor(ByteReader& in) {
  TensorView view;
  entries.push_back(in.offset());
  const std::string_view tensor_name = in.read_string("tensor name");
  if (tensor_name.empty() || tensor_name.size() > kTensorNameBytesMax) {
    in.damaged("tensor name of impossible length");
  }
  view.name = printable(tensor_name);
  const uint32_t dim_count = in.read<uint32_t>("dimension count");
  if (dim_count > 4) in.damaged("tensor '" + view.name + "' has more than 4 dimensions");
  view.dim_count = static_cast<int>(dim_count);
  uint64_t elements = 1;
  for (uint32_t d = 0; d < dim_count; ++d) {
    const uint64_t size = in.read<uint64_t>("dimension");
    constexpr uint64_t kElementsMax = uint64_t{1} << 56;
    if (size == 0 || size > kElementsMax / elements) {
      in.damaged("tensor '" + view.name + "' has an impossible dimension");
    }
    elements *= size;
    view.shape[d] = static_cast<int64_t>(size);
  }
  const uint32_t type = in.read<uint32_t>("tensor type");
  const TypeInfo* info = find_type(type);
  if (info == nullptr) {
    if (type >= kTypeIdsMax) in.damaged("tensor '" + view.name + "' has an impossible type");
    fail(Code::unsupported,
         name + ": tensor '" + view.name + "' has the unknown type " + std::to_string(type) +
             (type > 96 ? " (ids above 96 come from the fork ik_llama.cpp)" : ""));
  }
  view.type = static_cast<TensorType>(type);
  if (view.shape[0] % info->block_elements != 0) {
    in.damaged("tensor '" + view.name + "' has rows that are no whole number of blocks");
  }
  view.bytes = static_cast<int64_t>(elements / static_cast<uint64_t>(info->block_elements) *
                                    static_cast<uint64_t>(info->block_bytes));
  const uint64_t offset = in.read<uint64_t>("tensor offset");
  if (offset > bytes.size()) in.damaged("tensor '" + view.name + "' lies outside of the file");
  // Until place_tensors() knows where the data starts, `data` counts from the file's start.
  view.data = bytes.data() + offset;
  tensors.push_back(std::move(view));
  if (!index.emplace(tensors.back().name, tensors.size() - 1).second) {
    in.damaged("duplicate tensor '" + tensors.back().name + "'");
  }
}

uint64_t GgufFile::Impl::alignment() const {
  const int64_t value = metadata.integer("general.alignment", name).value_or(kGgufAlignment);
  if (value < 1 || value > (1 << 20) || !std::has_single_bit(static_cast<uint64_t>(value))) {
    fail(Code::corrupt, "corrupt: " + name + ": impossible general.alignment at " +
                            std::to_string(metadata.offset("general.alignment")));
  }
  return static_cast<uint64_t>(value);
}

void GgufFile::Impl::place_tensors(ByteReader& in) {
  const uint64_t align = alignment();
  data_start = (in.offset() + align - 1) / align * align;
  if (tensors.empty()) {
    data_start = std::min<uint64_t>(data_start, bytes.size());
    return;
  }
  if (data_start > bytes.size()) in.damaged("the tensor data is missing");
  for (TensorView& view : tensors) {
    const auto offset = static_cast<uint64_t>(view.data - bytes.data());
    if (offset % align != 0) in.damaged("tensor '" + view.name + "' is not aligned");
    const uint64_t room = bytes.size() - data_start;
    if (offset > room || static_cast<uint64_t>(view.bytes) > room - offset) {
      in.damaged("tensor '" + view.name + "' runs past the end of the file");
    }
    view.data = bytes.data() + data_start + offset;
  }
}

// A file in parts: all metadata is in the first, every part has tensors of its own.
void GgufFile::Impl::read_parts(const std::filesystem::path& path) {
  const int64_t count = part_count();
  if (count <= 1) return;
  const int64_t number = metadata.integer("split.no", name).value_or(0);
  if (count > kPartsMax || number < 0 || number >= count) {
    fail(Code::corrupt, "corrupt: " + name + ": impossible split.count at " +
                            std::to_string(metadata.offset("split.count")));
  }
  if (number != 0) return;
  for (int64_t i = 1; i < count; ++i) {
    add_part(GgufFile::open(part_path(path, i, count)), i);
  }
  index.clear();  // its keys pointed into the table before it grew
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!index.emplace(tensors[i].name, i).second) {
      fail(Code::corrupt, "corrupt: " + name + ": tensor '" + tensors[i].name +
                              "' is in two parts at " + std::to_string(data_start));
    }
  }
}

void GgufFile::Impl::add_part(std::unique_ptr<GgufFile> part, int64_t number) {
  const Impl& other = *part->impl_;
  const bool fits = other.part_count() == part_count() &&
                    other.metadata.integer("split.no", other.name).value_or(0) == number;
  if (!fits) {
    fail(Code::corrupt, "corrupt: " + other.name + ": not part " + std::to_string(number + 1) +
                            " of " + name + " at " +
                            std::to_string(other.metadata.offset("split.no")));
  }
  tensors.insert(tensors.end(), other.tensors.begin(), other.tensors.end());
  parts.push_back(std::move(part));
}

GgufFile::GgufFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GgufFile::~GgufFile() = default;

std::unique_ptr<GgufFile> GgufFile::open(const std::filesystem::path& path) {
  auto impl = std::make_unique<Impl>();
  impl->name = path.string();
  impl->mapping = std::make_unique<MappedFile>(path);
  impl->bytes = impl->mapping->bytes();
  impl->read();
  impl->read_parts(path);
  return std::unique_ptr<GgufFile>(new GgufFile(std::move(impl)));
}

std::unique_ptr<GgufFile> GgufFile::parse(std::span<const std::byte> bytes,
                                          const std::string& name) {
  auto impl = std::make_unique<Impl>();
  impl->name = name;
  impl->copy.assign(bytes.begin(), bytes.end());
  impl->bytes = impl->copy;
  impl->read();
  return std::unique_ptr<GgufFile>(new GgufFile(std::move(impl)));
}

std::optional<int64_t> GgufFile::integer(std::string_view key) const {
  return impl_->metadata.integer(key, impl_->name);
}
std::optional<double> GgufFile::real(std::string_view key) const {
  return impl_->metadata.real(key, impl_->name);
}
std::optional<bool> GgufFile::boolean(std::string_view key) const {
  return impl_->metadata.boolean(key, impl_->name);
}
std::optional<std::string> GgufFile::string(std::string_view key) const {
  return impl_->metadata.string(key, impl_->name);
}
std::optional<std::vector<int64_t>> GgufFile::int_array(std::string_view key) const {
  return impl_->metadata.int_array(key, impl_->name);
}
std::optional<std::vector<double>> GgufFile::real_array(std::string_view key) const {
  return impl_->metadata.real_array(key, impl_->name);
}
std::optional<std::vector<bool>> GgufFile::bool_array(std::string_view key) const {
  return impl_->metadata.bool_array(key, impl_->name);
}
std::optional<std::vector<std::string>> GgufFile::string_array(std::string_view key) const {
  return impl_->metadata.string_array(key, impl_->name);
}
bool GgufFile::is_mapped() const { return impl_->mapping != nullptr; }
bool GgufFile::has(std::string_view key) const { return impl_->metadata.find(key) != nullptr; }
bool GgufFile::is_array(std::string_view key) const {
  const Metadata::Value* value = impl_->metadata.find(key);
  return value != nullptr && value->type == ValueType::array;
}
std::vector<std::string> GgufFile::keys() const { return impl_->metadata.keys(); }
std::string GgufFile::value_text(std::string_view key) const {
  return impl_->metadata.value_text(key, impl_->name);
}
std::span<const std::byte> GgufFile::value_bytes(std::string_view key) const {
  const Metadata::Value* value = impl_->metadata.find(key);
  return value == nullptr ? std::span<const std::byte>() : value->bytes;
}

const std::vector<TensorView>& GgufFile::tensors() const { return impl_->tensors; }

const TensorView* GgufFile::tensor(std::string_view name) const {
  const auto found = impl_->index.find(name);
  return found == impl_->index.end() ? nullptr : &impl_->tensors[found->second];
}

const std::string& GgufFile::path() const { return impl_->name; }
int64_t GgufFile::file_bytes() const {
  auto bytes = static_cast<int64_t>(impl_->bytes.size());
  for (const auto& part : impl_->parts) bytes += part->file_bytes();
  return bytes;
}

void GgufFile::damaged(const std::string& what, std::string_view about) const {
  for (const auto& part : impl_->parts) {
    if (part->tensor(about) != nullptr) part->damaged(what, about);
  }
  uint64_t offset = impl_->table_end;
  const auto found = impl_->index.find(about);
  if (found != impl_->index.end()) {
    offset = impl_->entries[found->second];
  } else if (has(about)) {
    offset = impl_->metadata.offset(about);
  }
  fail(Code::corrupt,
       "corrupt: " + impl_->name + ": " + what + " at " + std::to_string(offset));
}

std::string GgufFile::data_hash() const {
  const auto* begin = reinterpret_cast<const char*>(impl_->bytes.data());
  std::string sample(begin, impl_->data_start);
  constexpr int64_t kPieces = 16, kPieceBytes = 256;
  for (const TensorView& view : impl_->tensors) {
    const auto* data = reinterpret_cast<const char*>(view.data);
    if (view.bytes <= kPieces * kPieceBytes) {
      sample.append(data, static_cast<size_t>(view.bytes));
      continue;
    }
    for (int64_t piece = 0; piece < kPieces; ++piece) {
      const int64_t span = view.bytes - kPieceBytes;
      sample.append(data + span / (kPieces - 1) * piece, kPieceBytes);
    }
  }
  // The kernel maps every page that is read with those around it.
  if (impl_->mapping != nullptr) impl_->mapping->release_pages();
  return sha256_hex(sample);
}

}  // namespace corvid::engine
