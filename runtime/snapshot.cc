#include "runtime/snapshot.h"

#include <algorithm>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <git2.h>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "tools/diff.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

void check_git(int result, const std::string& what) {
  if (result >= 0) return;
  const git_error* error = git_error_last();
  fail(result == GIT_ENOTFOUND ? Code::not_found : Code::io,
       what + ": " + (error != nullptr ? error->message : "libgit2 error"));
}

std::string id_text(const git_oid& id) {
  char text[GIT_OID_HEXSZ + 1];
  git_oid_tostr(text, sizeof text, &id);
  return text;
}

git_oid parse_id(const std::string& text) {
  git_oid id;
  check_git(git_oid_fromstr(&id, text.c_str()), "not a snapshot id: " + text);
  return id;
}

template <typename T, void (*Free)(T*)>
struct Handle {
  T* pointer = nullptr;
  ~Handle() {
    if (pointer != nullptr) Free(pointer);
  }
};

// What tells whether a file has changed without reading it. The change time also moves with the
// mode, and no program can set it back.
struct Seen {
  int64_t size = 0, ctime_ns = 0;
  uint64_t inode = 0;
  SnapshotEntry entry;
};

}  // namespace

struct SnapshotStore::Impl {
  fs::path workspace;
  SnapshotLimits limits;
  git_repository* repository = nullptr;
  git_odb* odb = nullptr;
  std::mutex mutex;
  std::map<std::string, Seen> seen;

  ~Impl() {
    git_odb_free(odb);
    git_repository_free(repository);
    git_libgit2_shutdown();
  }

  SnapshotEntry store_file(const std::string& path, const struct stat& status) {
    const auto known = seen.find(path);
    const int64_t ctime_ns =
        int64_t(status.st_ctim.tv_sec) * 1'000'000'000 + status.st_ctim.tv_nsec;
    if (known != seen.end() && known->second.size == status.st_size &&
        known->second.ctime_ns == ctime_ns && known->second.inode == status.st_ino) {
      return known->second.entry;
    }
    std::string content;
    SnapshotEntry entry;
    if (S_ISLNK(status.st_mode)) {
      content = fs::read_symlink(workspace / path).string();
      entry.mode = GIT_FILEMODE_LINK;
    } else {
      content = read_file(workspace / path);
      entry.mode = (status.st_mode & 0111) != 0 ? GIT_FILEMODE_BLOB_EXECUTABLE : GIT_FILEMODE_BLOB;
    }
    git_oid id;
    check_git(git_odb_write(&id, odb, content.data(), content.size(), GIT_OBJECT_BLOB),
              "cannot store " + path);
    entry.blob = id_text(id);
    seen[path] = {status.st_size, ctime_ns, status.st_ino, entry};
    return entry;
  }

  void walk(const fs::path& relative, Snapshot& snapshot, int64_t& total) {
    std::vector<fs::directory_entry> entries;
    std::error_code error;
    for (fs::directory_iterator it(workspace / relative, error), end; it != end;
         it.increment(error)) {
      entries.push_back(*it);
    }
    if (error)
      fail(Code::io, "cannot list " + (workspace / relative).string() + ": " + error.message());
    for (const fs::directory_entry& item : entries) {
      const fs::path path = relative / item.path().filename();
      if (path.filename() == ".git") continue;  // also a worktree's .git file
      struct stat status;
      if (::lstat((workspace / path).c_str(), &status) != 0) continue;  // it vanished meanwhile
      if (S_ISDIR(status.st_mode)) {
        walk(path, snapshot, total);
      } else if (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)) {
        if (status.st_size > limits.file_bytes_max ||
            total + status.st_size > limits.total_bytes_max) {
          snapshot.left_out.push_back(path.string() + " (" + std::to_string(status.st_size) +
                                      " bytes)");
          continue;
        }
        total += status.st_size;
        snapshot.files[path.string()] = store_file(path.string(), status);
      }
    }
  }

  // Builds the tree of the files whose paths begin with `prefix`, from `it` on.
  git_oid write_tree(std::map<std::string, SnapshotEntry>::const_iterator& it,
                     std::map<std::string, SnapshotEntry>::const_iterator end,
                     const std::string& prefix) {
    Handle<git_treebuilder, git_treebuilder_free> builder;
    check_git(git_treebuilder_new(&builder.pointer, repository, nullptr), "cannot build a tree");
    while (it != end && it->first.starts_with(prefix)) {
      const std::string rest = it->first.substr(prefix.size());
      const size_t slash = rest.find('/');
      git_oid id;
      if (slash == std::string::npos) {
        id = parse_id(it->second.blob);
        check_git(git_treebuilder_insert(nullptr, builder.pointer, rest.c_str(), &id,
                                         git_filemode_t(it->second.mode)),
                  "cannot snapshot '" + it->first + "'");
        ++it;
      } else {
        const std::string name = rest.substr(0, slash);
        id = write_tree(it, end, prefix + name + "/");
        check_git(
            git_treebuilder_insert(nullptr, builder.pointer, name.c_str(), &id, GIT_FILEMODE_TREE),
            "cannot snapshot '" + prefix + name + "'");
      }
    }
    git_oid tree;
    check_git(git_treebuilder_write(&tree, builder.pointer), "cannot write a tree");
    return tree;
  }

  void write_entry(const SnapshotEntry& entry, const std::string& bytes, const fs::path& target) {
    fs::create_directories(target.parent_path());
    std::error_code ignored;
    if (entry.mode == GIT_FILEMODE_LINK) {
      fs::remove_all(target, ignored);
      fs::create_symlink(bytes, target);
      return;
    }
    if (fs::is_symlink(target) || fs::is_directory(fs::symlink_status(target))) {
      fs::remove_all(target, ignored);
    }
    const int fd =
        ::open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
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
    const bool executable = entry.mode == GIT_FILEMODE_BLOB_EXECUTABLE;
    const mode_t mode = executable ? status.st_mode | 0111 : status.st_mode & ~mode_t(0111);
    is_ok = is_ok && ::fchmod(fd, mode & 07777) == 0;
    const int error = errno;
    ::close(fd);
    errno = error;
    if (!is_ok) fail_errno("cannot write " + target.string());
  }
};

SnapshotStore::SnapshotStore(const fs::path& folder, fs::path workspace, SnapshotLimits limits)
    : impl_(std::make_unique<Impl>()) {
  git_libgit2_init();
  impl_->workspace = std::move(workspace);
  impl_->limits = limits;
  fs::create_directories(folder);
  check_git(git_repository_init(&impl_->repository, folder.c_str(), 1),
            "cannot open the snapshot repository " + folder.string());
  check_git(git_repository_odb(&impl_->odb, impl_->repository), "cannot open " + folder.string());
}

SnapshotStore::~SnapshotStore() = default;

Snapshot SnapshotStore::take() {
  const std::scoped_lock guard(impl_->mutex);
  Snapshot snapshot;
  int64_t total = 0;
  impl_->walk("", snapshot, total);
  auto it = snapshot.files.cbegin();
  // Folders sort as if their name ended in '/': the map's order groups one folder's files together,
  // and the tree builder sorts for itself.
  snapshot.tree = id_text(impl_->write_tree(it, snapshot.files.cend(), ""));
  return snapshot;
}

Snapshot SnapshotStore::load(const std::string& tree) const {
  const std::scoped_lock guard(impl_->mutex);
  const git_oid id = parse_id(tree);
  Handle<git_tree, git_tree_free> root;
  check_git(git_tree_lookup(&root.pointer, impl_->repository, &id), "no snapshot " + tree);
  Snapshot snapshot;
  snapshot.tree = tree;
  const auto visit = [](const char* folder, const git_tree_entry* entry, void* payload) -> int {
    if (git_tree_entry_type(entry) == GIT_OBJECT_BLOB) {
      auto& files = static_cast<Snapshot*>(payload)->files;
      files[std::string(folder) + git_tree_entry_name(entry)] = {
          id_text(*git_tree_entry_id(entry)), uint32_t(git_tree_entry_filemode(entry))};
    }
    return 0;
  };
  check_git(git_tree_walk(root.pointer, GIT_TREEWALK_PRE, visit, &snapshot), "cannot read " + tree);
  return snapshot;
}

std::string SnapshotStore::content(const SnapshotEntry& entry) const {
  const git_oid id = parse_id(entry.blob);
  Handle<git_odb_object, git_odb_object_free> object;
  check_git(git_odb_read(&object.pointer, impl_->odb, &id), "no snapshot content " + entry.blob);
  return std::string(static_cast<const char*>(git_odb_object_data(object.pointer)),
                     git_odb_object_size(object.pointer));
}

std::vector<std::string> SnapshotStore::restore(const Snapshot& target) {
  const Snapshot now = take();
  const std::vector<std::string> changed = changed_paths(now, target);
  // Removals first, so that a file may take the place of a folder.
  for (const std::string& path : changed) {
    if (target.files.contains(path)) continue;
    fs::remove(impl_->workspace / path);
    for (fs::path folder = fs::path(path).parent_path(); !folder.empty();
         folder = folder.parent_path()) {
      std::error_code not_empty;
      if (!fs::remove(impl_->workspace / folder, not_empty)) break;
    }
  }
  for (const std::string& path : changed) {
    const auto found = target.files.find(path);
    if (found == target.files.end()) continue;
    impl_->write_entry(found->second, content(found->second), impl_->workspace / path);
  }
  return changed;
}

void SnapshotStore::write_to(const Snapshot& snapshot, const fs::path& folder) const {
  for (const auto& [path, entry] : snapshot.files) {
    impl_->write_entry(entry, content(entry), folder / path);
  }
}

void SnapshotStore::pin(const std::string& tree, const std::string& name) {
  const std::scoped_lock guard(impl_->mutex);
  const git_oid id = parse_id(tree);
  Handle<git_reference, git_reference_free> reference;
  check_git(git_reference_create(&reference.pointer, impl_->repository,
                                 ("refs/corvid/" + name).c_str(), &id, 1, nullptr),
            "cannot pin " + tree);
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
