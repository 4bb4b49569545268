#include "sandbox/launch/staged_tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/base/copy_files.h"
#include "runtime/base/error.h"
#include "sandbox/launch/process.h"

namespace corvid::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTemporary = ".corvid-staged";
constexpr mode_t kOwnerAll = 0700;

bool is_known(mode_t mode) { return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode); }

// Git data at any depth is never brought back: its settings and hooks run outside of the sandbox.
bool is_git_data(const fs::path& path) {
  return std::find(path.begin(), path.end(), ".git") != path.end();
}

// The folder `relative` beneath `root`, through no symbolic link; not open, with errno, where there
// is none.
Descriptor open_folder(int root, const fs::path& relative) {
  Descriptor at(fcntl(root, F_DUPFD_CLOEXEC, 0));
  for (const fs::path& part : relative) {
    if (at.get() < 0) break;
    if (part.empty() || part == ".") continue;
    at = Descriptor(openat(at.get(), part.c_str(),
                           O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  }
  return at;
}

void copy_link(const fs::path& from, const fs::path& to, const PathPairs& paths, bool is_back) {
  const std::string text = fs::read_symlink(from).string();
  fs::create_symlink(is_back ? seen_to_told(text, paths) : told_to_seen(text, paths), to);
}

// A new file or link in `folder`, as `from` is; the caller renames it.
void put_temporary(int folder, const fs::path& from, const struct stat& status,
                   const PathPairs& paths) {
  unlinkat(folder, kTemporary, 0);
  if (S_ISLNK(status.st_mode)) {
    const std::string text = seen_to_told(fs::read_symlink(from).string(), paths);
    if (symlinkat(text.c_str(), folder, kTemporary) != 0) fail_errno("cannot link " + text);
    return;
  }
  Descriptor in(open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (in.get() < 0 && errno == EACCES && chmod(from.c_str(), 0600) == 0) {
    in = Descriptor(open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  }
  if (in.get() < 0) fail_errno("cannot open " + from.string());
  const Descriptor out(openat(folder, kTemporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (out.get() < 0) fail_errno("cannot create a file for " + from.string());
  copy_content(in.get(), out.get(), from.string());
  const timespec times[2] = {status.st_atim, status.st_mtim};
  if (fchmod(out.get(), status.st_mode & 0777) != 0 || futimens(out.get(), times) != 0) {
    fail_errno("cannot set the mode of " + from.string());
  }
}

}  // namespace

StagedTree::Stamp StagedTree::stamp_of(const struct stat& status) {
  constexpr int64_t kBillion = 1'000'000'000;
  if (S_ISDIR(status.st_mode)) return {.mode = status.st_mode};
  return {status.st_ino, status.st_mode, status.st_size,
          status.st_mtim.tv_sec * kBillion + status.st_mtim.tv_nsec,
          status.st_ctim.tv_sec * kBillion + status.st_ctim.tv_nsec};
}

StagedTree::StagedTree(StagedFolder folder) : folder_(std::move(folder)) {
  fs::create_directories(folder_.copy);
  copy_beneath("");
  for (const std::string& relative : folder_.read_only) give_read_only(relative);
}

bool StagedTree::copy_entry(const fs::path& relative, const struct stat& status) {
  const fs::path from = folder_.source / relative, to = folder_.copy / relative;
  if (S_ISDIR(status.st_mode)) {
    fs::create_directory(to);
    copy_beneath(relative);
    return chmod(to.c_str(), (status.st_mode & 0777) | kOwnerAll) == 0;
  }
  if (S_ISLNK(status.st_mode)) {
    copy_link(from, to, folder_.paths, false);
    return true;
  }
  if (!S_ISREG(status.st_mode) || faccessat(AT_FDCWD, from.c_str(), R_OK, AT_EACCESS) != 0) {
    return false;
  }
  copy_file_exact(from, to);
  return true;
}

void StagedTree::copy_beneath(const fs::path& relative) {
  std::error_code error;  // a folder that cannot be read is left out
  for (fs::directory_iterator it(folder_.source / relative, error), end; !error && it != end;
       it.increment(error)) {
    const fs::path path = relative / it->path().filename();
    if (folder_.left_out.contains(path.string()) || folder_.read_only.contains(path.string())) {
      continue;
    }
    struct stat source = {}, copy = {};
    if (lstat(it->path().c_str(), &source) != 0 || !copy_entry(path, source)) continue;
    if (lstat((folder_.copy / path).c_str(), &copy) != 0 || is_git_data(path)) continue;
    entries_[path.string()] = {stamp_of(source), stamp_of(copy)};
  }
}

void StagedTree::give_read_only(const std::string& relative) {
  const fs::path from = folder_.source / relative, to = folder_.copy / relative;
  struct stat status = {};
  if (lstat(from.c_str(), &status) != 0 || !fs::is_directory(to.parent_path())) return;
  if (S_ISDIR(status.st_mode)) fs::create_symlink(from, to);
  else copy_entry(relative, status);
}

std::map<std::string, struct stat> StagedTree::entries_now() const {
  std::map<std::string, struct stat> found;
  std::vector<fs::path> open_ones = {""};
  while (!open_ones.empty()) {
    const fs::path relative = open_ones.back();
    open_ones.pop_back();
    // A command may have taken the right to look into a folder from its owner.
    struct stat status = {};
    const fs::path folder = folder_.copy / relative;
    if (lstat(folder.c_str(), &status) == 0 && (status.st_mode & kOwnerAll) != kOwnerAll) {
      chmod(folder.c_str(), (status.st_mode & 0777) | kOwnerAll);
    }
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      const fs::path path = relative / entry.path().filename();
      if (folder_.left_out.contains(path.string()) || folder_.read_only.contains(path.string())) {
        continue;
      }
      if (lstat(entry.path().c_str(), &status) != 0 || !is_known(status.st_mode)) continue;
      if (is_git_data(path)) continue;
      found[path.string()] = status;
      if (S_ISDIR(status.st_mode)) open_ones.push_back(path);
    }
  }
  return found;
}

// One round of bringing back.
class StagedTree::WayBack {
 public:
  WayBack(const StagedFolder& folder, const std::map<std::string, Entry>& entries)
      : folder_(folder),
        entries_(entries),
        root_(open(folder.source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    if (root_.get() < 0) fail_errno("cannot open " + folder.source.string());
  }

  void remove(const std::string& path, const Stamp& source) {
    const Place place = find(path);
    if (place.folder.get() < 0) return;
    const bool is_folder = S_ISDIR(source.mode);
    if (!is_folder && !is_as_copied(place, path)) leave(path);
    else unlinkat(place.folder.get(), place.name.c_str(), is_folder ? AT_REMOVEDIR : 0);
  }

  // What is in the copy at `path`; `is_old`: as something of the same type was when it was made.
  void put(const std::string& path, const struct stat& status, bool is_old) {
    const Place place = find(path);
    if (place.folder.get() < 0) return leave(path);
    if (S_ISDIR(status.st_mode)) return put_folder(place, path, status.st_mode & 0777, is_old);
    struct stat there = {};
    const bool is_free = !is_old && fstatat(place.folder.get(), place.name.c_str(), &there,
                                            AT_SYMLINK_NOFOLLOW) != 0;
    if (!is_free && !is_as_copied(place, path)) return leave(path);
    put_temporary(place.folder.get(), folder_.copy / path, status, folder_.paths);
    if (renameat(place.folder.get(), kTemporary, place.folder.get(), place.name.c_str()) == 0) {
      return;
    }
    const int error = errno;
    unlinkat(place.folder.get(), kTemporary, 0);
    left_alone_.push_back(path + ": " + strerror(error));
  }

  std::vector<std::string> take_left_alone() { return std::move(left_alone_); }

 private:
  struct Place {
    Descriptor folder;  // not open where there is none
    std::string name;
  };

  Place find(const fs::path& path) const {
    return {open_folder(root_.get(), path.parent_path()), path.filename().string()};
  }

  // Whether the file is as it was when it was copied (not there, without an entry).
  bool is_as_copied(const Place& place, const std::string& path) const {
    const auto entry = entries_.find(path);
    struct stat status = {};
    if (fstatat(place.folder.get(), place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return entry == entries_.end() && errno == ENOENT;
    }
    return entry != entries_.end() && stamp_of(status) == entry->second.source;
  }

  void put_folder(const Place& place, const std::string& path, mode_t mode, bool is_old) {
    if (is_old) fchmodat(place.folder.get(), place.name.c_str(), mode, 0);
    else if (mkdirat(place.folder.get(), place.name.c_str(), mode | kOwnerAll) != 0) leave(path);
  }

  void leave(const std::string& path) {
    left_alone_.push_back(path + ": changed meanwhile by somebody else");
  }

  const StagedFolder& folder_;
  const std::map<std::string, Entry>& entries_;
  Descriptor root_;
  std::vector<std::string> left_alone_;
};

std::vector<std::string> StagedTree::bring_back() const {
  const std::map<std::string, struct stat> now = entries_now();
  const auto same_type = [](mode_t a, mode_t b) { return (a & S_IFMT) == (b & S_IFMT); };
  WayBack way_back(folder_, entries_);
  // Files before their folders.
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    const auto& [path, stamps] = *entry;
    const auto found = now.find(path);
    if (found == now.end() || !same_type(found->second.st_mode, stamps.copy.mode)) {
      way_back.remove(path, stamps.source);
    }
  }
  for (const auto& [path, status] : now) {
    const auto entry = entries_.find(path);
    const bool is_old =
        entry != entries_.end() && same_type(entry->second.copy.mode, status.st_mode);
    if (is_old && stamp_of(status) == entry->second.copy) continue;
    way_back.put(path, status, is_old);
  }
  return way_back.take_left_alone();
}

}  // namespace corvid::sandbox
