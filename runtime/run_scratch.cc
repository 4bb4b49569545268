#include "runtime/run_scratch.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "runtime/base/error.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLockName = "lock";
constexpr const char* kPrefix = "run-";

// Held for the moment in which folders are made or swept: between being made and being locked a
// folder looks like one that was left.
class BaseLock {
 public:
  explicit BaseLock(const fs::path& base) {
    const fs::path path = base / kLockName;
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0) fail_errno("cannot open " + path.string());
    while (::flock(fd_, LOCK_EX) != 0) {
      if (errno == EINTR) continue;
      ::close(fd_);
      fail_errno("cannot lock " + path.string());
    }
  }
  ~BaseLock() { ::close(fd_); }
  BaseLock(const BaseLock&) = delete;
  BaseLock& operator=(const BaseLock&) = delete;

 private:
  int fd_ = -1;
};

bool is_alive(const fs::path& folder) {
  const int fd = ::open((folder / kLockName).c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno != ENOENT;
  const bool is_free = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
  ::close(fd);
  return !is_free;
}

void sweep_locked(const fs::path& base) {
  std::error_code error;
  for (fs::directory_iterator it(base, error), end; !error && it != end; it.increment(error)) {
    std::error_code vanished;
    const bool is_folder = fs::is_directory(it->symlink_status(vanished));
    if (!is_folder || !it->path().filename().string().starts_with(kPrefix)) continue;
    if (!is_alive(it->path())) remove_tree(it->path());
  }
}

}  // namespace

RunScratch::RunScratch(const fs::path& base) {
  fs::create_directories(base);
  const BaseLock guard(base);
  sweep_locked(base);
  std::string name = (base / (std::string(kPrefix) + "XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr) fail_errno("cannot create the folder " + name);
  path_ = fs::canonical(name);
  lock_fd_ = ::open((path_ / kLockName).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_fd_ < 0 || ::flock(lock_fd_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (lock_fd_ >= 0) ::close(lock_fd_);
    remove_tree(path_);
    errno = error;
    fail_errno("cannot lock " + path_.string());
  }
}

RunScratch::~RunScratch() {
  remove_tree(path_);
  ::close(lock_fd_);
}

void sweep_scratch(const fs::path& base) {
  std::error_code error;
  if (!fs::is_directory(base, error)) return;
  const BaseLock guard(base);
  sweep_locked(base);
}

}  // namespace corvid::runtime
