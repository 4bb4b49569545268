#include "runtime/base/files.h"

#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/atomic_file.h"
#include "runtime/base/error.h"
#include "runtime/base/write_all.h"

namespace corvid {
namespace {

void sync_folder(const std::filesystem::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail_errno("cannot open folder " + folder.string());
  const int result = ::fsync(fd);
  ::close(fd);
  if (result != 0) fail_errno("cannot sync folder " + folder.string());
}

}  // namespace

void write_all(int fd, std::string_view bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_errno("cannot write " + name);
    bytes.remove_prefix(size_t(count));
  }
}

std::string read_file(const std::filesystem::path& path, int64_t bytes_max) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT) fail(Code::not_found, "no such file: " + path.string());
    fail_errno("cannot open " + path.string());
  }
  struct Closer {
    int fd;
    ~Closer() { ::close(fd); }
  } closer{fd};
  struct stat status;
  if (::fstat(fd, &status) != 0) fail_errno("cannot stat " + path.string());
  if (S_ISDIR(status.st_mode)) fail(Code::invalid, path.string() + " is a folder");
  std::string content;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_errno("cannot read " + path.string());
    if (count == 0) return content;
    content.append(buffer, size_t(count));
    if (int64_t(content.size()) > bytes_max) {
      fail(Code::invalid,
           path.string() + " is larger than " + std::to_string(bytes_max) + " bytes");
    }
  }
}

AtomicFile::AtomicFile(const std::filesystem::path& path)
    : path_(path), folder_(path.has_parent_path() ? path.parent_path() : ".") {
  temporary_ = (folder_ / ("." + path.filename().string() + ".XXXXXX")).string();
  fd_ = ::mkostemp(temporary_.data(), O_CLOEXEC);
  if (fd_ < 0) fail_errno("cannot create a file in " + folder_.string());
}

AtomicFile::~AtomicFile() {
  ::close(fd_);
  if (!is_done_) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) { write_all(fd_, bytes, temporary_); }

void AtomicFile::commit() {
  struct stat old;
  const mode_t mode = ::stat(path_.c_str(), &old) == 0 ? old.st_mode & 07777 : 0644;
  if (::fchmod(fd_, mode) != 0) fail_errno("cannot set the mode of " + temporary_);
  if (::fsync(fd_) != 0) fail_errno("cannot sync " + temporary_);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    fail_errno("cannot replace " + path_.string());
  }
  is_done_ = true;
  sync_folder(folder_);
}

void write_file_atomic(const std::filesystem::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

AppendFile::AppendFile(const std::filesystem::path& path) : path_(path.string()) {
  const bool is_new = !std::filesystem::exists(path);
  fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd_ < 0) fail_errno("cannot open " + path_);
  if (is_new) sync_folder(path.has_parent_path() ? path.parent_path() : ".");
}

AppendFile::~AppendFile() {
  if (fd_ >= 0) ::close(fd_);
}

void AppendFile::append(std::string_view bytes) {
  is_synced_ = false;
  write_all(fd_, bytes, path_);
}

void AppendFile::sync() {
  if (is_synced_) return;
  if (::fdatasync(fd_) != 0) fail_errno("cannot sync " + path_);
  is_synced_ = true;
}

FileLock::FileLock(const std::filesystem::path& path, const std::string& busy) {
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd_ < 0) fail_errno("cannot open " + path.string());
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    const bool is_busy = errno == EWOULDBLOCK;
    ::close(fd_);
    fd_ = -1;
    if (is_busy) fail(Code::denied, busy);
    fail_errno("cannot lock " + path.string());
  }
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

TempDir::TempDir(const std::string& prefix) {
  std::string name = (std::filesystem::temp_directory_path() / (prefix + "-XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr) fail_errno("cannot create a temporary folder " + name);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace corvid
