#pragma once
// Reads numpy's .npy (version 1.0, little-endian float32, C order) and .npz without compression.

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/files.h"

namespace corvid::test {

struct Array {
  std::vector<int64_t> shape;
  std::vector<float> data;
};

inline Array parse_npy(std::string_view bytes) {
  if (!bytes.starts_with("\x93NUMPY\x01")) fail(Code::corrupt, "not a .npy file of version 1");
  uint16_t header_size;
  std::memcpy(&header_size, bytes.data() + 8, 2);
  const std::string_view header = bytes.substr(10, header_size);
  if (header.find("'<f4'") == header.npos) fail(Code::corrupt, ".npy: not float32");
  Array array;
  size_t at = header.find('(') + 1, count = 1;
  while (header[at] != ')') {
    int64_t size = 0;
    for (; header[at] >= '0' && header[at] <= '9'; ++at) size = size * 10 + (header[at] - '0');
    array.shape.push_back(size);
    count *= static_cast<size_t>(size);
    while (header[at] == ',' || header[at] == ' ') ++at;
  }
  array.data.resize(count);
  const std::string_view body = bytes.substr(10u + header_size);
  if (body.size() < count * 4) fail(Code::corrupt, ".npy: too short");
  std::memcpy(array.data.data(), body.data(), count * 4);
  return array;
}

inline Array read_npy(const std::filesystem::path& path) { return parse_npy(read_file(path)); }

// Name (without ".npy") -> array. Walks the local headers; entries are stored, not compressed.
inline std::map<std::string, Array> read_npz(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  std::map<std::string, Array> arrays;
  const auto number = [&bytes](size_t at, size_t size) {
    uint64_t value = 0;
    std::memcpy(&value, bytes.data() + at, size);
    return value;
  };
  for (size_t at = 0; at + 30 < bytes.size() && number(at, 4) == 0x04034b50;) {
    uint64_t size = number(at + 18, 4);
    const uint64_t name_size = number(at + 26, 2), extra_size = number(at + 28, 2);
    if (number(at + 8, 2) != 0) fail(Code::corrupt, ".npz: compressed");
    const std::string name = bytes.substr(at + 30, name_size);
    if (size == 0xffffffff) size = number(at + 30 + name_size + 4 + 8, 8);  // zip64
    const size_t data = at + 30 + name_size + extra_size;
    arrays[name.substr(0, name.size() - 4)] = parse_npy(std::string_view(bytes).substr(data, size));
    at = data + size;
  }
  return arrays;
}

}  // namespace corvid::test
