#include "runtime/put_back.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/git_functions.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kSettable = 01777;  // of a file: without setuid and setgid

bool remove_if_without_files(const fs::path& folder) {
  std::error_code error;
  for (const auto& item : fs::recursive_directory_iterator(folder, error)) {
    if (!fs::is_directory(item.symlink_status(error))) return false;
  }
  if (error) return false;
  fs::remove_all(folder, error);
  return !error;
}

// Whether all that is there of `path` beneath `root` is folders.
bool is_folder_or_nothing(const fs::path& root, const fs::path& path) {
  std::error_code error;
  fs::path above = root;
  for (const fs::path& part : path) {
    above /= part;
    const fs::file_status status = fs::symlink_status(above, error);
    if (!fs::exists(status)) break;
    if (!fs::is_directory(status)) return false;
  }
  return true;
}

// Whether `path` beneath `root` can be written as a file: only folders above it, and neither a
// folder with files nor a device in its place. A folder without files in its place is removed.
bool is_free(const fs::path& root, const fs::path& path) {
  std::error_code error;
  if (!is_folder_or_nothing(root, path.parent_path())) return false;
  const fs::path place = root / path;
  const fs::file_status status = fs::symlink_status(place, error);
  if (!fs::exists(status) || fs::is_regular_file(status) || fs::is_symlink(status)) return true;
  return fs::is_directory(status) && remove_if_without_files(place);
}

bool remove_file(const fs::path& root, const std::string& path) {
  std::error_code error;
  if (!is_free(root, path)) return false;
  const bool is_removed = fs::remove(root / path, error);
  if (error) fail(Code::io, "cannot remove " + path + ": " + error.message());
  return is_removed;
}

// Where other things stand in the way it is left alone.
void make_folder(const fs::path& root, const std::string& path) {
  std::error_code error;
  if (!is_folder_or_nothing(root, path)) return;
  fs::create_directories(root / path, error);
  // What is put back beneath it comes first; its own permissions are the last step.
  fs::permissions(root / path, fs::perms::owner_all, fs::perm_options::add, error);
}

void set_folder(const fs::path& root, const std::string& path, uint32_t permissions) {
  const int fd = ::open((root / path).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return;
  ::fchmod(fd, permissions);
  ::close(fd);
}

}  // namespace

void write_entry(const SnapshotEntry& entry, const std::string& bytes,
                 const fs::path& root, const std::string& path) {
  const fs::path target = root / path;
  std::error_code error_code;
  fs::create_directories(target.parent_path(), error_code);
  const bool was_link = fs::is_symlink(fs::symlink_status(target, error_code));
  if (entry.mode == GIT_FILEMODE_LINK || was_link) fs::remove(target, error_code);
  if (entry.mode == GIT_FILEMODE_LINK) {
    fs::create_symlink(bytes, target, error_code);
    if (error_code) {
      fail(Code::io, "cannot write " + target.string() + ": " + error_code.message());
    }
    return;
  }
  const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  int fd = ::open(target.c_str(), flags, 0644);
  if (fd < 0 && errno == EACCES && ::unlink(target.c_str()) == 0) {  // a read-only file
    fd = ::open(target.c_str(), flags, 0644);
  }
  if (fd < 0) fail_errno("cannot write " + target.string());
  const char* data = bytes.data();
  size_t left = bytes.size();
  bool is_ok = true;
  while (left != 0 && is_ok) {
    const ssize_t count = ::write(fd, data, left);
    if (count < 0 && errno == EINTR) continue;
    is_ok = count >= 0;
    if (is_ok) data += count, left -= size_t(count);
  }
  struct stat status;
  is_ok = is_ok && ::fstat(fd, &status) == 0;
  is_ok = is_ok && ::fchmod(fd, entry.permissions & kSettable) == 0;
  const int error = errno;
  ::close(fd);
  errno = error;
  if (!is_ok) fail_errno("cannot write " + target.string());
}

std::vector<std::string> put_back_beneath(
    const fs::path& root, const WantedFiles& wanted,
    const std::function<std::string(const SnapshotEntry& entry)>& content) {
  std::vector<std::string> changed;
  const auto wants_folder = [](const auto& entry) {
    return entry.has_value() && is_folder(*entry);
  };
  // Removals first, so that a file may take the place of a folder; what lies deeper comes first.
  for (auto it = wanted.rbegin(); it != wanted.rend(); ++it) {
    const auto& [path, entry] = *it;
    if (entry.has_value()) continue;
    if (is_folder_or_nothing(root, path)) {
      ::rmdir((root / path).c_str());  // only when it is empty
    } else if (remove_file(root, path)) {
      changed.push_back(path);
    }
  }
  for (const auto& [path, entry] : wanted) {
    if (!wants_folder(entry)) continue;
    std::error_code error;
    const fs::file_status status = fs::symlink_status(root / path, error);
    const bool is_file = fs::is_regular_file(status) || fs::is_symlink(status);
    if (is_file && !remove_file(root, path)) continue;
    make_folder(root, path);
  }
  for (const auto& [path, entry] : wanted) {
    if (!entry.has_value() || is_folder(*entry) || !is_free(root, path)) continue;
    write_entry(*entry, content(*entry), root, path);
    changed.push_back(path);
  }
  for (auto it = wanted.rbegin(); it != wanted.rend(); ++it) {
    if (wants_folder(it->second)) set_folder(root, it->first, it->second->permissions);
  }
  std::sort(changed.begin(), changed.end());
  return changed;
}

}  // namespace corvid::runtime
