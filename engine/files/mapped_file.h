#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace corvid::engine {

// A whole file mapped read-only. Immutable; the file must not be truncated while it is mapped.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);  // throws not_found or io
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  void release_pages() const;  // from this process's memory; they come again when they are read

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace corvid::engine
