#include "runtime/copy_changes.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/clean_copy.h"
#include "runtime/descriptor.h"
#include "tools/diff.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kTrustedBytes = 16 << 20;  // larger files are compared by size and time
constexpr int64_t kDiffFileBytesMax = 16 << 20;
constexpr size_t kDiffBytesMax = 8 << 20;

constexpr int kFolderFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

struct Place {
  Descriptor folder;  // not open where the path leads through something that is no folder
  std::string name;
};

// The folder of `path`, opened step by step without following links.
Place find_place(const fs::path& root, const std::string& path, bool makes_folders = false) {
  Place place;
  place.folder = Descriptor(::open(root.c_str(), kFolderFlags));
  if (!place.folder.is_open()) fail_errno("cannot open " + root.string());
  std::string_view rest = path;
  for (size_t slash = rest.find('/'); slash != std::string_view::npos; slash = rest.find('/')) {
    const std::string part(rest.substr(0, slash));
    rest.remove_prefix(slash + 1);
    if (makes_folders && ::mkdirat(place.folder.get(), part.c_str(), 0777) != 0 &&
        errno != EEXIST) {
      fail_errno("cannot make the folder of " + path);
    }
    place.folder = Descriptor(::openat(place.folder.get(), part.c_str(), kFolderFlags));
    if (!place.folder.is_open()) break;
  }
  place.name = rest;
  return place;
}

enum class Kind { none, file, link, other };

struct State {
  Kind kind = Kind::none;
  struct stat status = {};
  std::string target;  // of a link
  Place place;
  bool is_executable() const { return kind == Kind::file && (status.st_mode & 0100) != 0; }
};

State look(const fs::path& root, const std::string& path) {
  State state;
  state.place = find_place(root, path);
  const int folder = state.place.folder.get();
  if (!state.place.folder.is_open()) return state;
  if (::fstatat(folder, state.place.name.c_str(), &state.status, AT_SYMLINK_NOFOLLOW) != 0) {
    return state;
  }
  state.kind = S_ISREG(state.status.st_mode)   ? Kind::file
               : S_ISLNK(state.status.st_mode) ? Kind::link
                                               : Kind::other;
  if (state.kind == Kind::link) {
    char buffer[4096];
    const ssize_t size = ::readlinkat(folder, state.place.name.c_str(), buffer, sizeof buffer);
    if (size < 0) fail_errno("cannot read the link " + path);
    state.target.assign(buffer, size_t(size));
  }
  return state;
}

Descriptor open_file(const State& state, const std::string& path) {
  Descriptor file(::openat(state.place.folder.get(), state.place.name.c_str(),
                           O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file.is_open()) fail_errno("cannot open " + path);
  return file;
}

// Up to `count` bytes; fewer only at the end.
size_t read_some(int fd, char* buffer, size_t count, const std::string& path) {
  size_t done = 0;
  while (done < count) {
    const ssize_t got = ::read(fd, buffer + done, count - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_errno("cannot read " + path);
    if (got == 0) break;
    done += size_t(got);
  }
  return done;
}

bool same_content(const State& a, const State& b, const std::string& path) {
  if (a.status.st_size != b.status.st_size) return false;
  const bool is_same_time = a.status.st_mtim.tv_sec == b.status.st_mtim.tv_sec &&
                            a.status.st_mtim.tv_nsec == b.status.st_mtim.tv_nsec;
  if (a.status.st_size > kTrustedBytes && is_same_time) return true;
  const Descriptor left = open_file(a, path), right = open_file(b, path);
  std::string one(1 << 16, '\0'), two(1 << 16, '\0');
  for (;;) {
    const size_t count = read_some(left.get(), one.data(), one.size(), path);
    if (read_some(right.get(), two.data(), two.size(), path) != count) return false;
    if (std::memcmp(one.data(), two.data(), count) != 0) return false;
    if (count < one.size()) return true;
  }
}

bool same(const State& a, const State& b, const std::string& path) {
  if (a.kind != b.kind || a.is_executable() != b.is_executable()) return false;
  if (a.kind == Kind::link) return a.target == b.target;
  return a.kind != Kind::file || same_content(a, b, path);
}

std::string text_of(const State& state, const std::string& path) {
  std::string text;
  if (state.kind != Kind::file) return text;
  const Descriptor file = open_file(state, path);
  text.resize(size_t(state.status.st_size));
  text.resize(read_some(file.get(), text.data(), text.size(), path));
  return text;
}

std::string link_diff(const std::string& path, const State& before, const State& after) {
  if (after.kind == Kind::link) return "link " + path + " -> " + after.target + "\n";
  return "link " + path + " -> " + before.target +
         (after.kind == Kind::none ? " removed\n" : " replaced by a file\n");
}

std::string file_diff(const std::string& path, const State& before, const State& after) {
  std::string diff;
  if (before.kind == Kind::link || after.kind == Kind::link) diff = link_diff(path, before, after);
  if (after.kind == Kind::link) return diff;
  if (before.kind == Kind::file && after.kind == Kind::file &&
      before.is_executable() != after.is_executable()) {
    diff += "mode of " + path +
            (after.is_executable() ? " changed: executable\n" : " changed: not executable\n");
  }
  if (std::max(before.status.st_size, after.status.st_size) > kDiffFileBytesMax) {
    return diff + "large file " + path + " changed (" + std::to_string(after.status.st_size) +
           " bytes)\n";
  }
  const std::string old_text = text_of(before, path), new_text = text_of(after, path);
  if (old_text.find('\0') != std::string::npos || new_text.find('\0') != std::string::npos) {
    return diff + "binary file " + path + " changed\n";
  }
  if (after.kind != Kind::file) return diff + tools::removed_file_diff(path, old_text);
  if (before.kind != Kind::file) return diff + tools::added_file_diff(path, new_text);
  return diff + tools::unified_diff(path, old_text, new_text);
}

void check_path(const std::string& path) {
  const fs::path parts(path);
  const bool is_bad = path.empty() || parts.is_absolute() ||
                      std::any_of(parts.begin(), parts.end(), [](const fs::path& part) {
                        return part == ".." || part == ".git";
                      });
  if (is_bad) fail(Code::denied, "'" + path + "' is no file of the workspace to change");
}

void remove_gone(const tools::Workspace& from, const fs::path& root, const std::string& path) {
  const State now = look(root, path);
  if (now.kind != Kind::file && now.kind != Kind::link) return;
  if (::unlinkat(now.place.folder.get(), now.place.name.c_str(), 0) != 0) {
    fail_errno("cannot remove " + path);
  }
  for (fs::path folder = fs::path(path).parent_path(); !folder.empty();
       folder = folder.parent_path()) {
    std::error_code error;
    if (fs::is_directory(fs::symlink_status(from.root() / folder, error))) break;
    const Place place = find_place(root, folder.string());
    if (!place.folder.is_open()) break;
    if (::unlinkat(place.folder.get(), place.name.c_str(), AT_REMOVEDIR) != 0) break;
  }
}

void put(const State& source, const fs::path& root, const std::string& path) {
  const Place place = find_place(root, path, true);
  if (!place.folder.is_open()) {
    fail(Code::denied, "'" + path + "' leads through something that is no folder");
  }
  const int folder = place.folder.get();
  const std::string temporary = ".corvid-" + std::to_string(::getpid()) + ".new";
  ::unlinkat(folder, temporary.c_str(), 0);
  if (source.kind == Kind::link) {
    if (::symlinkat(source.target.c_str(), folder, temporary.c_str()) != 0) {
      fail_errno("cannot make the link " + path);
    }
  } else {
    const Descriptor in = open_file(source, path);
    const Descriptor out(::openat(folder, temporary.c_str(),
                                  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!out.is_open()) fail_errno("cannot write " + path);
    copy_content(in.get(), out.get(), path);
    if (::fchmod(out.get(), source.status.st_mode & 0777) != 0 || ::fsync(out.get()) != 0) {
      fail_errno("cannot write " + path);
    }
  }
  if (::renameat(folder, temporary.c_str(), folder, place.name.c_str()) != 0) {
    const int error = errno;
    ::unlinkat(folder, temporary.c_str(), 0);
    errno = error;
    fail_errno("cannot replace " + path);
  }
}

}  // namespace

std::vector<std::string> changed_files_between(const KeptRule& rule, const tools::Workspace& before,
                                               const tools::Workspace& after) {
  std::vector<std::string> paths = rule.files(before), others = rule.files(after), changed;
  paths.insert(paths.end(), others.begin(), others.end());
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  for (const std::string& path : paths) {
    if (!same(look(before.root(), path), look(after.root(), path), path)) changed.push_back(path);
  }
  return changed;
}

std::string changes_diff(const tools::Workspace& before, const tools::Workspace& after,
                         const std::vector<std::string>& paths) {
  std::string diff;
  for (const std::string& path : paths) {
    if (diff.size() > kDiffBytesMax) {
      diff += "file " + path + " changed (left out: the diff is large)\n";
    } else {
      diff += file_diff(path, look(before.root(), path), look(after.root(), path));
    }
  }
  return diff;
}

std::vector<std::string> conflicts(const tools::Workspace& fork, const tools::Workspace& now,
                                   const std::vector<std::string>& paths) {
  std::set<std::string> found;
  for (const std::string& path : paths) {
    if (!same(look(fork.root(), path), look(now.root(), path), path)) found.insert(path);
    for (fs::path folder = fs::path(path).parent_path(); !folder.empty();
         folder = folder.parent_path()) {
      const State state = look(now.root(), folder.string());
      const bool is_in_the_way = state.kind == Kind::file || state.kind == Kind::link;
      if (is_in_the_way && !same(look(fork.root(), folder.string()), state, folder.string())) {
        found.insert(folder.string());
      }
    }
  }
  return {found.begin(), found.end()};
}

void apply_changes(const tools::Workspace& from_copy, const tools::Workspace& to,
                   const std::vector<std::string>& paths) {
  for (const std::string& path : paths) check_path(path);
  // Removals first, so that a file may take the place of a folder.
  std::vector<std::string> kept;
  for (const std::string& path : paths) {
    const State state = look(from_copy.root(), path);
    if (state.kind == Kind::file || state.kind == Kind::link) {
      kept.push_back(path);
    } else {
      remove_gone(from_copy, to.root(), path);
    }
  }
  for (const std::string& path : kept) put(look(from_copy.root(), path), to.root(), path);
}

}  // namespace corvid::runtime
