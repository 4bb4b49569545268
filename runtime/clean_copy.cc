#include "runtime/clean_copy.h"

#include <algorithm>
#include <cerrno>
#include <set>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <git2.h>

#include "runtime/base/error.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

void copy_content(int from, int to, const fs::path& name) {
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
    if (count < 0) fail_errno("cannot read " + name.string());
    for (ssize_t done = 0; done < count;) {
      const ssize_t written = ::write(to, buffer + done, size_t(count - done));
      if (written < 0) fail_errno("cannot copy " + name.string());
      done += written;
    }
  }
}

// Every file and link beneath the workspace except .git, as relative paths.
void walk(const fs::path& root, const fs::path& relative, std::vector<std::string>& paths) {
  std::error_code error;
  for (fs::directory_iterator it(root / relative, error), end; it != end; it.increment(error)) {
    const fs::path path = relative / it->path().filename();
    if (path.filename() == ".git") continue;
    const fs::file_status status = it->symlink_status();
    if (fs::is_directory(status)) {
      walk(root, path, paths);
    } else if (fs::is_regular_file(status) || fs::is_symlink(status)) {
      paths.push_back(path.string());
    }
  }
  if (error) fail(Code::io, "cannot list " + (root / relative).string() + ": " + error.message());
}

// Paths in the index of the repository whose work tree is `root`.
std::vector<std::string> tracked_files(const fs::path& root) {
  std::vector<std::string> paths;
  git_libgit2_init();
  git_repository* repository = nullptr;
  git_index* index = nullptr;
  if (git_repository_open_ext(&repository, root.c_str(), 0, nullptr) == 0 &&
      git_repository_index(&index, repository) == 0) {
    const char* work = git_repository_workdir(repository);
    const std::string prefix =
        work == nullptr ? "" : fs::relative(root, work).lexically_normal().string();
    for (size_t i = 0; i < git_index_entrycount(index); ++i) {
      const std::string path = git_index_get_byindex(index, i)->path;
      if (prefix == "." || prefix.empty()) {
        paths.push_back(path);
      } else if (path.starts_with(prefix + "/")) {
        paths.push_back(path.substr(prefix.size() + 1));
      }
    }
  }
  git_index_free(index);
  git_repository_free(repository);
  git_libgit2_shutdown();
  return paths;
}

}  // namespace

void copy_file_exact(const fs::path& from, const fs::path& to) {
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
    copy_content(in.fd, out.fd, from);
    if (::fchmod(out.fd, status.st_mode & 0777) != 0)
      fail_errno("cannot set mode of " + to.string());
  }
  ::utimensat(AT_FDCWD, to.c_str(), times, AT_SYMLINK_NOFOLLOW);
}

std::vector<std::string> kept_files(const tools::Workspace& workspace) {
  std::set<std::string> paths;
  for (std::string& path : workspace.files()) paths.insert(std::move(path));
  for (std::string& path : tracked_files(workspace.root())) {
    std::error_code error;
    if (fs::exists(fs::symlink_status(workspace.root() / path, error)))
      paths.insert(std::move(path));
  }
  return {paths.begin(), paths.end()};
}

IgnoredFiles::IgnoredFiles(const tools::Workspace& workspace, int64_t bytes_max)
    : folder_("corvid-ignored") {
  const std::vector<std::string> kept = kept_files(workspace);
  std::vector<std::string> all;
  walk(workspace.root(), "", all);
  int64_t total = 0;
  for (const std::string& path : all) {
    if (std::binary_search(kept.begin(), kept.end(), path)) continue;
    struct stat status;
    if (::lstat((workspace.root() / path).c_str(), &status) != 0) continue;
    if (total + status.st_size > bytes_max) {
      left_out_.push_back(path);
      continue;
    }
    total += status.st_size;
    copy_file_exact(workspace.root() / path, folder_.path() / path);
    paths_.push_back(path);
  }
}

void IgnoredFiles::copy_to(const fs::path& folder) const {
  for (const std::string& path : paths_) copy_file_exact(folder_.path() / path, folder / path);
}

CleanCopy::CleanCopy(const tools::Workspace& workspace, const IgnoredFiles& ignored)
    : folder_("corvid-check") {
  ignored.copy_to(folder_.path());
  for (const std::string& path : kept_files(workspace)) {
    std::error_code error;
    fs::remove(folder_.path() / path, error);
    copy_file_exact(workspace.root() / path, folder_.path() / path);
  }
}

WorkingCopy::WorkingCopy(const tools::Workspace& workspace) : folder_("corvid-attempt") {
  std::vector<std::string> all;
  walk(workspace.root(), "", all);
  for (const std::string& path : all) {
    copy_file_exact(workspace.root() / path, folder_.path() / path);
  }
}

sandbox::Profile show_at(sandbox::Profile profile, const fs::path& root, const fs::path& shown_as) {
  if (root != shown_as) {
    const bool writable = std::erase(profile.write_roots, shown_as) != 0;
    std::erase(profile.read_roots, shown_as);
    profile.mounts.push_back({root, shown_as, writable});
    if (fs::exists(shown_as / ".git")) {
      // The mount needs something to stand on.
      if (fs::is_directory(shown_as / ".git")) {
        fs::create_directories(root / ".git");
      } else if (!fs::exists(root / ".git")) {
        write_file_atomic(root / ".git", "");
      }
      profile.mounts.push_back({shown_as / ".git", shown_as / ".git", false});
    }
  }
  return profile;
}

}  // namespace corvid::runtime
