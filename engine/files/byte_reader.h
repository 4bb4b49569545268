#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/error.h"

namespace corvid::engine {

// Reads little-endian values from foreign bytes; every read is checked and throws
// corrupt "corrupt: NAME: WHAT at OFFSET".
class ByteReader {
 public:
  ByteReader(std::span<const std::byte> bytes, const std::string& name, uint64_t offset = 0)
      : bytes_(bytes), name_(name), offset_(offset) {}

  uint64_t offset() const { return offset_; }
  uint64_t left() const { return bytes_.size() - offset_; }

  template <typename T>
  T read(const char* what) {
    T value;
    std::memcpy(&value, take(sizeof(T), what), sizeof(T));
    return value;
  }

  std::string_view read_string(const char* what) {
    const uint64_t length = read<uint64_t>(what);
    return {reinterpret_cast<const char*>(take(length, what)), length};
  }

  const std::byte* take(uint64_t count, const char* what) {
    if (count > left()) damaged(std::string(what) + " runs past the end of the file");
    const std::byte* data = bytes_.data() + offset_;
    offset_ += count;
    return data;
  }

  [[noreturn]] void damaged(const std::string& what) const {
    fail(Code::corrupt, "corrupt: " + name_ + ": " + what + " at " + std::to_string(offset_));
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& name_;
  uint64_t offset_ = 0;  // never above bytes_.size()
};

}  // namespace corvid::engine
