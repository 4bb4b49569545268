#include "tools/support/beneath.h"

#include <cerrno>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/write_all.h"

namespace corvid::tools {
namespace {

constexpr int kRaceRetriesMax = 16;
constexpr int kNameRetriesMax = 32;

Descriptor open2(int root_fd, const std::string& path, int flags) {
  open_how how = {};
  how.flags = static_cast<uint64_t>(static_cast<unsigned>(flags | O_CLOEXEC));
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  // EAGAIN: something was renamed while the kernel looked.
  for (int i = 0; i < kRaceRetriesMax; ++i) {
    const long fd = ::syscall(SYS_openat2, root_fd, path.c_str(), &how, sizeof how);
    if (fd >= 0) return Descriptor(int(fd));
    if (errno != EAGAIN && errno != EINTR) break;
  }
  return Descriptor();
}

// A new empty file in the folder with `mode` less the umask; `name` gets its name.
Descriptor create_temporary(int folder_fd, mode_t mode, std::string& name) {
  for (int i = 0; i < kNameRetriesMax; ++i) {
    uint64_t random = 0;
    if (::getentropy(&random, sizeof random) != 0) fail_errno("cannot get random bytes");
    name = ".corvid-" + std::to_string(random) + ".tmp";
    const int fd = ::openat(folder_fd, name.c_str(),
                            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd >= 0) return Descriptor(fd);
    if (errno != EEXIST) break;
  }
  fail_errno("cannot create a file in " + real_path(folder_fd).string());
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) {
    const int saved = errno;
    ::close(fd_);
    errno = saved;
  }
}

int Descriptor::release() { return std::exchange(fd_, -1); }

Descriptor open_beneath(int root_fd, std::string_view relative_path, int flags) {
  Descriptor fd = open2(root_fd, std::string(relative_path), flags);
  if (!fd.is_open() && errno == ENOSYS) return open_beneath_by_steps(root_fd, relative_path, flags);
  return fd;
}

Descriptor open_beneath_by_steps(int root_fd, std::string_view relative_path, int flags) {
  Descriptor folder(::openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (relative_path.starts_with('/')) {
    errno = EXDEV;
    return Descriptor();
  }
  for (std::string_view rest = relative_path; folder.is_open();) {
    const size_t slash = rest.find('/');
    const std::string name(rest.substr(0, slash));
    const bool is_last = slash == std::string_view::npos;
    if (name == "..") {
      errno = EXDEV;
      return Descriptor();
    }
    const int how = is_last ? flags : O_PATH | O_DIRECTORY;
    const char* opened = name.empty() ? "." : name.c_str();
    Descriptor next(::openat(folder.get(), opened, how | O_NOFOLLOW | O_CLOEXEC));
    if (is_last) {
      // With O_PATH a link itself would be opened.
      struct stat status = {};
      if (next.is_open() && ::fstat(next.get(), &status) == 0 && S_ISLNK(status.st_mode)) {
        errno = ELOOP;
        return Descriptor();
      }
      return next;
    }
    folder = std::move(next);
    rest.remove_prefix(slash + 1);
  }
  return Descriptor();
}

std::filesystem::path real_path(int fd) {
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  std::error_code error;
  std::filesystem::path path = std::filesystem::read_symlink(link, error);
  if (error) fail(Code::io, "cannot read " + link + ": " + error.message());
  return path;
}

ReadResult read_beneath(const std::filesystem::path& root, std::string_view relative_path,
                        int64_t bytes_max) {
  const Descriptor root_fd(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root_fd.is_open()) fail_errno("cannot open " + root.string());
  const Descriptor fd =
      open_beneath(root_fd.get(), relative_path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd.is_open()) {
    if (errno == ENOENT || errno == ENOTDIR) return {ReadOutcome::missing, "", 0};
    if (errno == EXDEV || errno == ELOOP) return {ReadOutcome::leaves, "", 0};
    if (errno == ENXIO) return {ReadOutcome::not_a_file, "", 0};  // a socket
    return {ReadOutcome::unreadable, "", errno};
  }
  struct stat status = {};
  if (::fstat(fd.get(), &status) != 0) return {ReadOutcome::unreadable, "", errno};
  if (!S_ISREG(status.st_mode)) return {ReadOutcome::not_a_file, "", 0};
  if (status.st_size > bytes_max) return {ReadOutcome::too_large, "", 0};
  ReadResult result{ReadOutcome::ok, "", 0};
  result.content.reserve(size_t(status.st_size));
  char buffer[1 << 16];
  for (;;) {
    const ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return {ReadOutcome::unreadable, "", errno};
    if (count == 0) return result;
    result.content.append(buffer, size_t(count));
    // The file may have grown since fstat.
    if (int64_t(result.content.size()) > bytes_max) return {ReadOutcome::too_large, "", 0};
  }
}

void replace_file(int folder_fd, const std::string& name, std::string_view content) {
  struct stat old = {};
  const bool exists = ::fstatat(folder_fd, name.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0 &&
                      S_ISREG(old.st_mode);
  std::string temporary;
  const Descriptor fd = create_temporary(folder_fd, exists ? 0600 : 0666, temporary);
  struct Remover {
    int folder_fd;
    const std::string& name;
    bool armed = true;
    ~Remover() {
      if (armed) ::unlinkat(folder_fd, name.c_str(), 0);
    }
  } remover{folder_fd, temporary};
  write_all(fd.get(), content, name);
  if (exists && ::fchmod(fd.get(), old.st_mode & 07777) != 0) {
    fail_errno("cannot set the mode of " + name);
  }
  if (::fsync(fd.get()) != 0) fail_errno("cannot sync " + name);
  if (::renameat(folder_fd, temporary.c_str(), folder_fd, name.c_str()) != 0) {
    fail_errno("cannot replace " + name);
  }
  remover.armed = false;
  const Descriptor folder(::openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open() || ::fsync(folder.get()) != 0) {
    fail_errno("cannot sync the folder of " + name);
  }
}

}  // namespace corvid::tools
