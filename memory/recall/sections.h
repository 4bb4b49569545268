#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "memory/recall/column.h"

namespace corvid::memory {

// A file of sections of plain elements, each at a multiple of a page, behind a table of them. It is
// a cache of one machine and one build: no byte order, no versions but its mark.
class SectionWriter {
 public:
  // Makes the file, which must not be there. Throws io.
  explicit SectionWriter(const std::filesystem::path& file);
  ~SectionWriter();
  SectionWriter(const SectionWriter&) = delete;
  SectionWriter& operator=(const SectionWriter&) = delete;

  template <typename T>
  void put(std::span<const T> elements) {
    begin(sizeof(T));
    add(elements.data(), elements.size_bytes());
  }
  template <typename T>
  void put(const T& one) {
    put(std::span(&one, 1));
  }
  // The same piece by piece: elements of `size` bytes.
  void begin(size_t size);
  void add(const void* data, size_t bytes);

  // Writes the table; the content is on stable storage afterwards.
  void finish(std::string_view key);

 private:
  struct Section {
    uint64_t offset = 0, bytes = 0, size = 0;
  };
  void write_all(const void* data, size_t bytes, uint64_t offset);
  void flush();

  std::filesystem::path path_;
  int file_ = -1;
  std::vector<Section> sections_;
  uint64_t end_ = 0;
  std::string waiting_;  // at end_
};

// Reads one from its beginning; what it gives stays valid after the file is gone. Throws corrupt.
class SectionReader {
 public:
  // Throws not_found; corrupt also when the file was written for another key.
  SectionReader(const std::filesystem::path& file, std::string_view key);
  ~SectionReader();
  SectionReader(const SectionReader&) = delete;
  SectionReader& operator=(const SectionReader&) = delete;

  template <typename T>
  Column<T> take() {
    const auto [offset, count] = next(sizeof(T));
    return Column<T>(file_, offset, count);
  }
  template <typename T>
  T take_one() {
    const Column<T> column = take<T>();
    require(column.size() == 1);
    return column[0];
  }
  void require(bool is_sound) const;

 private:
  std::pair<size_t, size_t> next(size_t size);

  std::filesystem::path path_;
  int file_ = -1;
  uint64_t file_bytes_ = 0;
  size_t at_ = 0;
  std::vector<uint64_t> table_;  // offset, bytes, size of an element
};

}  // namespace corvid::memory
