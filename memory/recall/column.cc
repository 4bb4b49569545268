#include "memory/recall/column.h"

#include <sys/mman.h>

#include "runtime/base/error.h"

namespace corvid::memory {
namespace {

size_t whole_pages(size_t bytes) {
  return (bytes + Pages::kAlign - 1) / Pages::kAlign * Pages::kAlign;
}

}  // namespace

Pages::Pages(size_t bytes) : size_(whole_pages(bytes)) {
  if (size_ == 0) return;
  void* at = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) fail(Code::io, "no memory for " + std::to_string(bytes) + " bytes");
  data_ = static_cast<std::byte*>(at);
}

Pages::Pages(int file, size_t offset, size_t file_bytes, size_t bytes) : Pages(bytes) {
  if (file_bytes == 0) return;
  void* at = ::mmap(data_, file_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file,
                    static_cast<off_t>(offset));
  // A constructor that delegated has run: the destructor unmaps.
  if (at == MAP_FAILED) fail(Code::io, "cannot map a file of the memory store");
  // The last page goes on in the file behind the section.
  const size_t rest = whole_pages(file_bytes) - file_bytes;
  if (rest > 0) std::memset(data_ + file_bytes, 0, rest);
}

Pages::~Pages() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace corvid::memory
