#include "engine/files/safetensors.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"

namespace corvid::engine {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kHeaderBytesMax = 100'000'000;  // as the format's own reader
constexpr size_t kDimensionsMax = 8;

// 0: not a type whose size is known here.
int64_t bytes_of(const std::string& type) {
  if (type == "F64" || type == "I64" || type == "U64") return 8;
  if (type == "F32" || type == "I32" || type == "U32") return 4;
  if (type == "F16" || type == "BF16" || type == "I16" || type == "U16") return 2;
  if (type == "I8" || type == "U8" || type == "BOOL" || type.starts_with("F8_")) return 1;
  return 0;
}

[[noreturn]] void corrupt(const fs::path& path, const std::string& what) {
  fail(Code::corrupt, "corrupt: " + path.string() + ": " + what);
}

bool is_count(const Json& value) { return value.is_number_unsigned(); }

SafeTensors::Tensor read_tensor(const Json& entry, std::span<const std::byte> data,
                                const fs::path& path, const std::string& name) {
  const auto good = entry.is_object() && entry.contains("dtype") && entry.contains("shape") &&
                    entry.contains("data_offsets") && entry.at("dtype").is_string() &&
                    entry.at("shape").is_array() && entry.at("data_offsets").is_array() &&
                    entry.at("data_offsets").size() == 2 &&
                    entry.at("shape").size() <= kDimensionsMax &&
                    std::ranges::all_of(entry.at("shape"), is_count) &&
                    std::ranges::all_of(entry.at("data_offsets"), is_count);
  if (!good) corrupt(path, "impossible entry '" + name + "'");
  SafeTensors::Tensor tensor;
  tensor.type = entry.at("dtype").get<std::string>();
  const int64_t size = bytes_of(tensor.type);
  if (size == 0) fail(Code::unsupported, path.string() + ": '" + name + "' is " + tensor.type);
  tensor.element_count = 1;
  for (const Json& dimension : entry.at("shape")) {
    const auto count = dimension.get<uint64_t>();
    const auto most = data.size() / static_cast<uint64_t>(tensor.element_count);
    if (count == 0 || count > most) corrupt(path, "impossible shape of '" + name + "'");
    tensor.shape.push_back(static_cast<int64_t>(count));
    tensor.element_count *= static_cast<int64_t>(count);
  }
  const auto begin = entry.at("data_offsets")[0].get<uint64_t>();
  const auto end = entry.at("data_offsets")[1].get<uint64_t>();
  if (begin > end || end > data.size() ||
      end - begin != static_cast<uint64_t>(tensor.element_count * size)) {
    corrupt(path, "'" + name + "' has other bytes than its shape");
  }
  tensor.data = data.subspan(begin, end - begin);
  return tensor;
}

}  // namespace

void SafeTensors::add(const fs::path& path) {
  auto file = std::make_unique<MappedFile>(path);
  const std::span<const std::byte> bytes = file->bytes();
  uint64_t header_size = 0;
  if (bytes.size() < sizeof header_size) corrupt(path, "no header");
  std::memcpy(&header_size, bytes.data(), sizeof header_size);
  if (header_size > kHeaderBytesMax || header_size > bytes.size() - sizeof header_size) {
    corrupt(path, "the header runs past the end of the file");
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + sizeof header_size,
                              header_size);
  const Json header = parse_json(text, path.string());
  if (!header.is_object()) corrupt(path, "the header is no object");
  const auto data = bytes.subspan(sizeof header_size + header_size);
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    if (!tensors_.emplace(name, read_tensor(entry, data, path, name)).second) {
      corrupt(path, "'" + name + "' is there twice");
    }
  }
  files_.push_back(std::move(file));
}

SafeTensors SafeTensors::open_folder(const fs::path& folder) {
  SafeTensors all;
  std::set<std::string> names;
  const fs::path index = folder / "model.safetensors.index.json";
  if (fs::exists(index)) {
    const Json json = parse_json(read_file(index), index.string());
    if (!json.is_object() || !json.contains("weight_map") || !json.at("weight_map").is_object()) {
      corrupt(index, "no weight_map");
    }
    for (const Json& file : json.at("weight_map")) {
      const std::string name = file.is_string() ? file.get<std::string>() : "";
      if (name.empty() || name.find('/') != std::string::npos) {
        corrupt(index, "impossible file name");
      }
      names.insert(name);
    }
  } else if (fs::is_directory(folder)) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      const fs::path& path = entry.path();
      if (path.extension() == ".safetensors") names.insert(path.filename().string());
    }
  }
  if (names.empty()) fail(Code::not_found, "no .safetensors file in " + folder.string());
  for (const std::string& name : names) all.add(folder / name);
  return all;
}

}  // namespace corvid::engine
