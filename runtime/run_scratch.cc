#include "runtime/run_scratch.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/folder_lock.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLockName = "lock";
constexpr const char* kPrefix = "run-";

void sweep_locked(const fs::path& base) {
  std::error_code error;
  for (fs::directory_iterator it(base, error), end; !error && it != end; it.increment(error)) {
    std::error_code vanished;
    const bool is_folder = fs::is_directory(it->symlink_status(vanished));
    if (!is_folder || !it->path().filename().string().starts_with(kPrefix)) continue;
    if (!is_locked(it->path() / kLockName)) remove_tree(it->path());
  }
}

}  // namespace

RunScratch::RunScratch(const fs::path& base) {
  fs::create_directories(base);
  // Between being made and being locked a folder looks like one that was left.
  const FolderLock guard(base);
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
  const FolderLock guard(base);
  sweep_locked(base);
}

}  // namespace corvid::runtime
