#include "runtime/snapshot.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>
#include <sstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/clean_copy.h"
#include "runtime/git_functions.h"
#include "runtime/git_objects.h"
#include "runtime/kept_files.h"
#include "tools/diff.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

git_oid parse_id(const std::string& text) {
  git_oid id;
  check_git(git().oid_fromstr(&id, text.c_str()), "not a snapshot id: " + text);
  return id;
}

template <typename T, auto Free>  // a member of GitFunctions
struct Handle {
  T* pointer = nullptr;
  ~Handle() {
    if (pointer != nullptr) (git().*Free)(pointer);
  }
};

// What tells whether a file has changed without reading it. The change time also moves with the
// mode, and no program can set it back.
struct Seen {
  int64_t size = 0, ctime_ns = 0;
  uint64_t inode = 0;
  SnapshotEntry entry;
};

// What git's trees cannot say stands in a folder of this name; no file of a snapshot has it. One
// file lists what was left out, the second one the stamps of files among that ("SIZE MTIME CTIME
// INODE PATH"), the third one permissions that differ from the usual ("600 PATH"); each entry is
// ended by a zero byte.
constexpr const char* kOwnFolder = ".git/";
constexpr const char* kLeftOutName = ".git/left-out";
constexpr const char* kStampsName = ".git/stamps";
constexpr const char* kPermissionsName = ".git/permissions";

uint32_t usual_permissions(uint32_t mode) {
  return mode == GIT_FILEMODE_LINK ? 0 : mode == GIT_FILEMODE_BLOB_EXECUTABLE ? 0755 : 0644;
}

// The parts of `text` that a zero byte ends.
std::vector<std::string> zero_ended(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t at = 0, stop; (stop = text.find('\0', at)) != std::string::npos; at = stop + 1) {
    parts.push_back(text.substr(at, stop - at));
  }
  return parts;
}

int64_t nanoseconds(const timespec& time) {
  return int64_t(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

// File systems stamp changes with a clock that stands still for some milliseconds: of two changes
// in one of its steps the second cannot be seen.
bool is_stamp_settled(int64_t ctime_ns) {
  constexpr int64_t kStepNs = 50'000'000;
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  return ctime_ns + kStepNs < nanoseconds(now);
}

// At most `bytes_max` bytes of a file or of a link's target; errno on failure.
std::optional<std::string> read_content(const fs::path& path, const struct stat& status,
                                        int64_t bytes_max) {
  std::string content(size_t(status.st_size) + 1, '\0');
  if (S_ISLNK(status.st_mode)) {
    content.resize(std::max(content.size(), size_t{4096}));  // some systems give links no size
    const ssize_t size = ::readlink(path.c_str(), content.data(), content.size());
    if (size < 0) return std::nullopt;
    content.resize(size_t(size));
    return content;
  }
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  size_t size = 0;
  int error = 0;
  for (;;) {
    if (size == content.size()) content.resize(size * 2);
    const ssize_t count = ::read(fd, content.data() + size, content.size() - size);
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    error = count < 0 ? errno : 0;
    if (count > 0) size += size_t(count);
    if (int64_t(size) > bytes_max) error = EFBIG;
    if (error != 0) break;
  }
  ::close(fd);
  errno = error;
  if (error != 0) return std::nullopt;
  content.resize(size);
  return content;
}

bool remove_if_without_files(const fs::path& folder) {
  std::error_code error;
  for (const auto& item : fs::recursive_directory_iterator(folder, error)) {
    if (!fs::is_directory(item.symlink_status(error))) return false;
  }
  if (error) return false;
  fs::remove_all(folder, error);
  return !error;
}

// Whether `path` beneath `root` can be written as a file: only folders above it, and neither a
// folder with files nor a device in its place. A folder without files in its place is removed.
bool is_free(const fs::path& root, const fs::path& path) {
  std::error_code error;
  fs::path above = root;
  for (const fs::path& part : path.parent_path()) {
    above /= part;
    const fs::file_status status = fs::symlink_status(above, error);
    if (!fs::exists(status)) break;
    if (!fs::is_directory(status)) return false;
  }
  const fs::path place = root / path;
  const fs::file_status status = fs::symlink_status(place, error);
  if (!fs::exists(status) || fs::is_regular_file(status) || fs::is_symlink(status)) return true;
  return fs::is_directory(status) && remove_if_without_files(place);
}

struct TreeItem {
  uint32_t mode;
  git_oid id;
};

// A tree object as git defines it. libgit2's own builder refuses names such as ".GIT" and "git~1",
// which are names like any other here.
git_oid write_tree_object(git_odb* odb, const std::map<std::string, TreeItem>& items) {
  std::string content;
  for (const auto& [key, item] : items) {
    const bool is_folder = item.mode == GIT_FILEMODE_TREE;
    char mode[16];
    std::snprintf(mode, sizeof mode, "%o ", item.mode);
    content += mode + (is_folder ? key.substr(0, key.size() - 1) : key) + '\0';
    content.append(reinterpret_cast<const char*>(item.id.id), GIT_OID_RAWSZ);
  }
  git_oid id;
  check_git(git().odb_write(&id, odb, content.data(), content.size(), GIT_OBJECT_TREE),
            "cannot write a tree");
  return id;
}

}  // namespace

struct SnapshotStore::Impl {
  GitLibrary library;
  fs::path workspace;
  SnapshotLimits limits;
  git_repository* repository = nullptr;
  git_odb* odb = nullptr;
  std::mutex mutex;
  std::map<std::string, Seen> seen;

  ~Impl() {
    git().odb_free(odb);
    git().repository_free(repository);
  }

  std::string store(const std::string& content, const std::string& what) {
    git_oid id;
    check_git(git().odb_write(&id, odb, content.data(), content.size(), GIT_OBJECT_BLOB),
              "cannot store " + what);
    return id_text(id);
  }

  // Nothing when it cannot be read, with errno.
  std::optional<SnapshotEntry> store_file(const std::string& path, const struct stat& status) {
    const auto known = seen.find(path);
    const int64_t ctime_ns = nanoseconds(status.st_ctim);
    if (known != seen.end() && known->second.size == status.st_size &&
        known->second.ctime_ns == ctime_ns && known->second.inode == status.st_ino) {
      return known->second.entry;
    }
    const bool is_settled = is_stamp_settled(ctime_ns);
    const auto content = read_content(workspace / path, status, limits.file_bytes_max);
    if (!content.has_value()) return std::nullopt;
    SnapshotEntry entry;
    entry.mode = S_ISLNK(status.st_mode)        ? GIT_FILEMODE_LINK
                 : (status.st_mode & 0111) != 0 ? GIT_FILEMODE_BLOB_EXECUTABLE
                                                : GIT_FILEMODE_BLOB;
    if (S_ISREG(status.st_mode)) entry.permissions = status.st_mode & 0777;
    entry.blob = store(*content, path);
    if (is_settled) {
      seen[path] = {status.st_size, ctime_ns, status.st_ino, entry};
    } else {
      seen.erase(path);
    }
    return entry;
  }

  static void leave_out(Snapshot& snapshot, const std::string& path, const std::string& why,
                        const struct stat* status = nullptr) {
    if (status != nullptr) snapshot.left_out_stamps[path] = stamp_of(*status);
    snapshot.left_out.push_back(path);
    snapshot.left_out_texts.push_back(path + " (" + why + ")");
  }

  // Files and links beneath `relative`; what cannot be recorded is left out.
  void walk(const fs::path& relative, std::map<std::string, struct stat>& found,
            Snapshot& snapshot) {
    std::error_code error;
    std::vector<fs::path> names;
    for (fs::directory_iterator it(workspace / relative, error), end; !error && it != end;
         it.increment(error)) {
      names.push_back(it->path().filename());
    }
    if (error && relative.empty()) {
      fail(Code::io, "cannot list " + workspace.string() + ": " + error.message());
    }
    if (error && error.value() != ENOENT) leave_out(snapshot, relative.string(), error.message());
    if (error) return;
    for (const fs::path& name : names) {
      const fs::path path = relative / name;
      if (name == ".git") continue;  // also a worktree's .git file
      struct stat status;
      if (::lstat((workspace / path).c_str(), &status) != 0) {
        if (errno != ENOENT) leave_out(snapshot, path.string(), std::strerror(errno));
      } else if (S_ISDIR(status.st_mode)) {
        walk(path, found, snapshot);
      } else if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode)) {
        leave_out(snapshot, path.string(), "not a file");
      } else if (status.st_size > limits.file_bytes_max) {
        leave_out(snapshot, path.string(), std::to_string(status.st_size) + " bytes", &status);
      } else {
        found.emplace(path.string(), status);
      }
    }
  }

  void leave_out_ignored(std::map<std::string, struct stat>& found, Snapshot& snapshot) const {
    int64_t total = 0;
    for (const auto& [path, status] : found) total += status.st_size;
    if (total <= limits.total_bytes_max) return;
    const std::vector<std::string> kept = kept_files(tools::Workspace(workspace));
    total = 0;
    std::erase_if(found, [&](const auto& file) {
      const auto& [path, status] = file;
      if (std::binary_search(kept.begin(), kept.end(), path)) return false;
      if (total + status.st_size <= limits.total_bytes_max) {
        total += status.st_size;
        return false;
      }
      leave_out(snapshot, path, std::to_string(status.st_size) + " bytes, ignored by git", &status);
      return true;
    });
  }

  // Builds the tree of the files whose paths begin with `prefix`, from `it` on.
  git_oid write_tree(std::map<std::string, SnapshotEntry>::const_iterator& it,
                     std::map<std::string, SnapshotEntry>::const_iterator end,
                     const std::string& prefix, const std::map<std::string, TreeItem>& own) {
    std::map<std::string, TreeItem> items = own;  // folders sort as if their names ended in '/'
    while (it != end && it->first.starts_with(prefix)) {
      const std::string rest = it->first.substr(prefix.size());
      const size_t slash = rest.find('/');
      if (slash == std::string::npos) {
        items[rest] = {it->second.mode, parse_id(it->second.blob)};
        ++it;
      } else {
        const std::string name = rest.substr(0, slash + 1);
        items[name] = {GIT_FILEMODE_TREE, write_tree(it, end, prefix + name, {})};
      }
    }
    return write_tree_object(odb, items);
  }

  // The tree of the whole snapshot.
  git_oid write_root(const Snapshot& snapshot) {
    std::string left_out, stamps, permissions;
    for (const std::string& path : snapshot.left_out) left_out += path + '\0';
    for (const auto& [path, stamp] : snapshot.left_out_stamps) {
      for (const int64_t number : {stamp.size, stamp.mtime_ns, stamp.ctime_ns,
                                   int64_t(stamp.inode)}) {
        stamps += std::to_string(number) + " ";
      }
      stamps += path + '\0';
    }
    for (const auto& [path, entry] : snapshot.files) {
      if (entry.permissions == usual_permissions(entry.mode)) continue;
      char text[16];
      std::snprintf(text, sizeof text, "%o ", entry.permissions);
      permissions += text + path + '\0';
    }
    const size_t folder = std::strlen(kOwnFolder);
    std::map<std::string, TreeItem> own, root;
    if (!left_out.empty()) {
      own[kLeftOutName + folder] = {GIT_FILEMODE_BLOB,
                                    parse_id(store(left_out, "what was left out"))};
    }
    if (!stamps.empty()) {
      own[kStampsName + folder] = {GIT_FILEMODE_BLOB, parse_id(store(stamps, "stamps"))};
    }
    if (!permissions.empty()) {
      own[kPermissionsName + folder] = {GIT_FILEMODE_BLOB,
                                        parse_id(store(permissions, "permissions"))};
    }
    if (!own.empty()) root[kOwnFolder] = {GIT_FILEMODE_TREE, write_tree_object(odb, own)};
    auto it = snapshot.files.cbegin();
    return write_tree(it, snapshot.files.cend(), "", root);
  }

  // The way to it is free.
  static void write_entry(const SnapshotEntry& entry, const std::string& bytes,
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
    is_ok = is_ok && ::fchmod(fd, entry.permissions) == 0;
    const int error = errno;
    ::close(fd);
    errno = error;
    if (!is_ok) fail_errno("cannot write " + target.string());
  }

  bool remove_entry(const std::string& path) const {
    std::error_code error;
    if (!is_free(workspace, path)) return false;
    if (!fs::remove(workspace / path, error)) {
      if (error) fail(Code::io, "cannot remove " + path + ": " + error.message());
      return false;
    }
    for (fs::path folder = fs::path(path).parent_path(); !folder.empty();
         folder = folder.parent_path()) {
      if (!fs::remove(workspace / folder, error)) break;  // not empty
    }
    return true;
  }
};

SnapshotStore::SnapshotStore(const fs::path& folder, fs::path workspace, SnapshotLimits limits)
    : impl_(std::make_unique<Impl>()) {
  impl_->workspace = std::move(workspace);
  impl_->limits = limits;
  fs::create_directories(folder);
  const auto open = [&] { return git().repository_init(&impl_->repository, folder.c_str(), 1); };
  check_git(despite_stale_lock(folder / "config", open),
            "cannot open the snapshot repository " + folder.string());
  check_git(git().repository_odb(&impl_->odb, impl_->repository), "cannot open " + folder.string());
}

SnapshotStore::~SnapshotStore() = default;

Snapshot SnapshotStore::take() {
  const std::scoped_lock guard(impl_->mutex);
  Snapshot snapshot;
  std::map<std::string, struct stat> found;
  impl_->walk("", found, snapshot);
  impl_->leave_out_ignored(found, snapshot);
  for (const auto& [path, status] : found) {
    if (const auto entry = impl_->store_file(path, status)) {
      snapshot.files.emplace(path, *entry);
    } else if (errno != ENOENT) {  // else it vanished meanwhile
      Impl::leave_out(snapshot, path, std::strerror(errno), &status);
    }
  }
  std::sort(snapshot.left_out.begin(), snapshot.left_out.end());
  std::sort(snapshot.left_out_texts.begin(), snapshot.left_out_texts.end());
  snapshot.tree = id_text(impl_->write_root(snapshot));
  return snapshot;
}

Snapshot SnapshotStore::load(const std::string& tree) const {
  const std::scoped_lock guard(impl_->mutex);
  const git_oid id = parse_id(tree);
  Handle<git_tree, &GitFunctions::tree_free> root;
  check_git(git().tree_lookup(&root.pointer, impl_->repository, &id), "no snapshot " + tree);
  Snapshot snapshot;
  snapshot.tree = tree;
  const auto visit = [](const char* folder, const git_tree_entry* entry, void* payload) -> int {
    if (git().tree_entry_type(entry) == GIT_OBJECT_BLOB) {
      auto& files = static_cast<Snapshot*>(payload)->files;
      const auto mode = uint32_t(git().tree_entry_filemode(entry));
      const std::string name = std::string(folder) + git().tree_entry_name(entry);
      files[name] = {id_text(*git().tree_entry_id(entry)), mode, usual_permissions(mode)};
    }
    return 0;
  };
  check_git(git().tree_walk(root.pointer, GIT_TREEWALK_PRE, visit, &snapshot),
            "cannot read " + tree);
  if (const auto listed = snapshot.files.extract(kLeftOutName); !listed.empty()) {
    snapshot.left_out = zero_ended(content(listed.mapped()));
  }
  if (const auto listed = snapshot.files.extract(kStampsName); !listed.empty()) {
    for (const std::string& line : zero_ended(content(listed.mapped()))) {
      std::istringstream words(line);
      FileStamp stamp;
      std::string path;
      words >> stamp.size >> stamp.mtime_ns >> stamp.ctime_ns >> stamp.inode;
      words.get();
      if (std::getline(words, path, '\0')) snapshot.left_out_stamps[path] = stamp;
    }
  }
  if (const auto listed = snapshot.files.extract(kPermissionsName); !listed.empty()) {
    for (const std::string& line : zero_ended(content(listed.mapped()))) {
      const size_t space = line.find(' ');
      const auto file = snapshot.files.find(line.substr(std::min(space, line.size() - 1) + 1));
      if (space == std::string::npos || file == snapshot.files.end()) continue;
      file->second.permissions = uint32_t(std::strtoul(line.c_str(), nullptr, 8)) & 0777;
    }
  }
  return snapshot;
}

std::string SnapshotStore::content(const SnapshotEntry& entry) const {
  const git_oid id = parse_id(entry.blob);
  Handle<git_odb_object, &GitFunctions::odb_object_free> object;
  check_git(git().odb_read(&object.pointer, impl_->odb, &id), "no snapshot content " + entry.blob);
  return std::string(static_cast<const char*>(git().odb_object_data(object.pointer)),
                     git().odb_object_size(object.pointer));
}

std::vector<std::string> SnapshotStore::restore(const Snapshot& target) {
  const Snapshot now = take();
  const std::vector<std::string> changed = changed_paths(now, target);
  WantedFiles wanted;
  for (const std::string& path : changed) {
    const auto found = target.files.find(path);
    wanted[path] = found == target.files.end() ? std::nullopt : std::optional(found->second);
  }
  return put_back(wanted);
}

std::vector<std::string> SnapshotStore::put_back(const WantedFiles& wanted) {
  std::vector<std::string> changed;
  // Removals first, so that a file may take the place of a folder.
  for (const auto& [path, entry] : wanted) {
    if (!entry.has_value() && impl_->remove_entry(path)) changed.push_back(path);
  }
  for (const auto& [path, entry] : wanted) {
    if (!entry.has_value() || !is_free(impl_->workspace, path)) continue;
    Impl::write_entry(*entry, content(*entry), impl_->workspace, path);
    changed.push_back(path);
  }
  std::sort(changed.begin(), changed.end());
  return changed;
}

void SnapshotStore::write_to(const Snapshot& snapshot, const fs::path& folder) const {
  for (const auto& [path, entry] : snapshot.files) {
    clear_way(folder, path);
    Impl::write_entry(entry, content(entry), folder, path);
  }
}

void SnapshotStore::pin(const std::string& tree, const std::string& name) {
  const std::scoped_lock guard(impl_->mutex);
  const git_oid id = parse_id(tree);
  Handle<git_reference, &GitFunctions::reference_free> reference;
  const std::string place = "refs/corvid/" + name;
  const auto create = [&] {
    return git().reference_create(&reference.pointer, impl_->repository, place.c_str(), &id, 1,
                                  nullptr);
  };
  check_git(despite_stale_lock(git().repository_path(impl_->repository) + place, create),
            "cannot pin " + tree);
}

FileStamp stamp_of(const struct stat& status) {
  return {int64_t(status.st_size), nanoseconds(status.st_mtim), nanoseconds(status.st_ctim),
          uint64_t(status.st_ino)};
}

std::vector<std::string> changed_left_out(const Snapshot& before, const Snapshot& after) {
  std::set<std::string> changed;
  for (const auto& [path, stamp] : before.left_out_stamps) {
    const auto now = after.left_out_stamps.find(path);
    if (now == after.left_out_stamps.end() || now->second != stamp) changed.insert(path);
  }
  for (const auto& [path, stamp] : after.left_out_stamps) {
    if (!before.left_out_stamps.contains(path)) changed.insert(path);
  }
  // What lies in a folder that one of them could not look into is unknown.
  std::erase_if(changed, [&](const std::string& path) {
    const auto is_hidden = [&](const Snapshot& snapshot) {
      return is_left_out(snapshot, path) && !snapshot.left_out_stamps.contains(path);
    };
    return is_hidden(before) || is_hidden(after);
  });
  return {changed.begin(), changed.end()};
}

bool is_left_out(const Snapshot& snapshot, const std::string& path) {
  if (snapshot.left_out.empty()) return false;
  for (size_t end = path.find('/');; end = path.find('/', end + 1)) {
    if (std::binary_search(snapshot.left_out.begin(), snapshot.left_out.end(),
                           path.substr(0, end))) {
      return true;
    }
    if (end == std::string::npos) return false;
  }
}

std::vector<std::string> changed_paths(const Snapshot& before, const Snapshot& after) {
  std::vector<std::string> changed;
  for (const auto& [path, entry] : before.files) {
    const auto found = after.files.find(path);
    if (found == after.files.end() || found->second != entry) changed.push_back(path);
  }
  for (const auto& [path, entry] : after.files) {
    if (!before.files.contains(path)) changed.push_back(path);
  }
  std::erase_if(changed, [&](const std::string& path) {
    return is_left_out(before, path) || is_left_out(after, path);
  });
  std::sort(changed.begin(), changed.end());
  return changed;
}

std::string snapshot_diff(const SnapshotStore& store, const Snapshot& before,
                          const Snapshot& after) {
  std::string text;
  for (const std::string& path : changed_paths(before, after)) {
    const auto content = [&](const Snapshot& side) {
      const auto found = side.files.find(path);
      return found == side.files.end() ? std::string() : store.content(found->second);
    };
    const std::string old_text = content(before), new_text = content(after);
    if (old_text.find('\0') != std::string::npos || new_text.find('\0') != std::string::npos) {
      text += "binary file " + path + " changed\n";
    } else {
      text += tools::unified_diff(path, old_text, new_text);
    }
  }
  return text;
}

}  // namespace corvid::runtime
