#include "runtime/base/copy_files.h"

#include <cerrno>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/error.h"

namespace corvid {
namespace {

namespace fs = std::filesystem;

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

void remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (!error) return;
  // A command may have taken the right to write from folders.
  const auto options = fs::directory_options::skip_permission_denied;
  std::error_code ignored;
  fs::permissions(path, fs::perms::owner_all, ignored);
  for (fs::recursive_directory_iterator it(path, options, error), end; !error && it != end;
       it.increment(error)) {
    if (fs::is_directory(it->symlink_status(ignored))) {
      fs::permissions(it->path(), fs::perms::owner_all, ignored);
    }
  }
  fs::remove_all(path, ignored);
}

void copy_content(int from, int to, const std::string& name) {
  if (::ioctl(to, FICLONE, from) == 0) return;
  for (;;) {
    const ssize_t count = ::copy_file_range(from, nullptr, to, nullptr, size_t{1} << 30, 0);
    if (count == 0) return;
    if (count > 0) continue;
    if (errno == EINTR) continue;
    break;
  }
  char buffer[1 << 16];
  for (;;) {
    const ssize_t count = ::read(from, buffer, sizeof buffer);
    if (count == 0) return;
    if (count < 0) fail_errno("cannot read " + name);
    for (ssize_t done = 0; done < count;) {
      const ssize_t written = ::write(to, buffer + done, size_t(count - done));
      if (written < 0) fail_errno("cannot copy " + name);
      done += written;
    }
  }
}

namespace {

bool copy_file(const fs::path& from, const fs::path& to, bool must_share) {
  struct stat status;
  if (::lstat(from.c_str(), &status) != 0) fail_errno("cannot stat " + from.string());
  fs::create_directories(to.parent_path());
  const timespec times[2] = {status.st_atim, status.st_mtim};
  if (S_ISLNK(status.st_mode)) {
    fs::copy_symlink(from, to);
  } else {
    const Descriptor in{::open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    if (in.fd < 0) fail_errno("cannot open " + from.string());
    const Descriptor out{::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (out.fd < 0) fail_errno("cannot create " + to.string());
    if (must_share && ::ioctl(out.fd, FICLONE, in.fd) != 0) {
      fs::remove(to);
      return false;
    }
    if (!must_share) copy_content(in.fd, out.fd, from.string());
    if (::fchmod(out.fd, status.st_mode & 0777) != 0)
      fail_errno("cannot set mode of " + to.string());
  }
  ::utimensat(AT_FDCWD, to.c_str(), times, AT_SYMLINK_NOFOLLOW);
  return true;
}

}  // namespace

void copy_file_exact(const fs::path& from, const fs::path& to) { copy_file(from, to, false); }

bool clone_file_exact(const fs::path& from, const fs::path& to) {
  return copy_file(from, to, true);
}

}  // namespace corvid
