#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace corvid {

// Whole file as bytes. Throws not_found or io, naming the path; invalid above `bytes_max`.
std::string read_file(const std::filesystem::path& path, int64_t bytes_max = int64_t{1} << 30);

// Writes beside `path`, fsyncs, renames over it and fsyncs the folder: after a crash the old or the
// new content stands, never a mixture.
void write_file_atomic(const std::filesystem::path& path, std::string_view content);

// A file that only grows. What append() wrote outlives the process; sync() returns after all of it
// is on stable storage.
class AppendFile {
 public:
  explicit AppendFile(const std::filesystem::path& path);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;
  void append(std::string_view bytes);
  void sync();

 private:
  int fd_ = -1;
  bool is_synced_ = true;
  std::string path_;
};

// An exclusive lock on a file, held until destruction; throws denied with `busy` when another
// process holds it.
class FileLock {
 public:
  FileLock(const std::filesystem::path& path, const std::string& busy);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int fd_ = -1;
};

// A new folder below the system's temporary folder, removed with everything in it on destruction.
class TempDir {
 public:
  explicit TempDir(const std::string& prefix = "corvid");
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace corvid
