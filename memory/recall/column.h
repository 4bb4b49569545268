#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

namespace corvid::memory {

// Zeroed memory whose beginning may be part of a file: nothing of that is read before it is
// touched, and what is changed stays in this process. Throws io.
class Pages {
 public:
  static constexpr size_t kAlign = 4096;

  Pages() = default;
  explicit Pages(size_t bytes);
  // `offset` is a multiple of kAlign. The file must hold offset + file_bytes and never shrink.
  Pages(int file, size_t offset, size_t file_bytes, size_t bytes);
  ~Pages();
  Pages(Pages&& other) noexcept : data_(other.data_), size_(other.size_) {
    other.data_ = nullptr;
    other.size_ = 0;
  }
  Pages& operator=(Pages&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// A vector that can begin as a mapped file; elements are plain data. Not thread-safe.
template <typename T>
class Column {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Column() = default;
  // The first `count` elements lie in `file` at `offset`.
  Column(int file, size_t offset, size_t count)
      : pages_(file, offset, count * sizeof(T), count * sizeof(T) * 5 / 4 + Pages::kAlign),
        size_(count) {}

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return reinterpret_cast<T*>(pages_.data()); }
  const T* data() const { return reinterpret_cast<const T*>(pages_.data()); }
  T& operator[](size_t i) { return data()[i]; }
  const T& operator[](size_t i) const { return data()[i]; }
  const T& back() const { return data()[size_ - 1]; }
  operator std::span<const T>() const { return {data(), size_}; }

  void push_back(const T& value) {
    reserve(size_ + 1);
    data()[size_++] = value;
  }
  // New elements are zero.
  void resize(size_t count) {
    reserve(count);
    void* const end = data() + count;
    if (count < size_) std::memset(end, 0, (size_ - count) * sizeof(T));
    size_ = count;
  }
  void clear() { *this = Column(); }

 private:
  void reserve(size_t count) {
    if (count * sizeof(T) <= pages_.size()) return;
    Pages larger(count * sizeof(T) * 2);
    if (size_ > 0) std::memcpy(larger.data(), pages_.data(), size_ * sizeof(T));
    pages_ = std::move(larger);
  }

  Pages pages_;
  size_t size_ = 0;
};

}  // namespace corvid::memory
