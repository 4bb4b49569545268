#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace corvid {

// A file that is there as a whole or not at all. What is written goes beside `path`; commit() takes
// it to stable storage and renames it over `path`. Without commit() nothing stays. Throws io.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(std::string_view bytes);
  void commit();

 private:
  std::filesystem::path path_, folder_;
  std::string temporary_;
  int fd_ = -1;
  bool is_done_ = false;
};

}  // namespace corvid
