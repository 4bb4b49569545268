#include "runtime/snapshot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/once.h"
#include "runtime/clean_copy.h"
#include "runtime/git_functions.h"
#include "runtime/git_objects.h"
#include "runtime/kept_files.h"
#include "runtime/put_back.h"
#include "runtime/seen_files.h"
#include "runtime/snapshot_tree.h"
#include "tools/diff.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

int64_t nanoseconds(const timespec& time) {
  return int64_t(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
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

// Whether the bytes in the middle of a large content are far from evenly spread: what is packed or
// random would cost a hundred times the writing, for nothing.
bool is_worth_compressing(std::string_view content) {
  constexpr size_t kSample = 32 << 10;
  if (content.size() < 4 * kSample) return true;
  std::array<int, 256> counts{};
  for (const char c : content.substr(content.size() / 2, kSample)) ++counts[uint8_t(c)];
  double bits = 0;
  for (const int count : counts) {
    const double share = double(count) / kSample;
    if (count > 0) bits -= share * std::log2(share);
  }
  return bits < 7.5;
}

// A zlib stream (RFC 1950) of stored blocks (RFC 1951), which are as large as what they hold.
std::string stored(std::string_view content) {
  constexpr size_t kBlockMax = 65535;
  constexpr uint32_t kAdlerBase = 65521, kAdlerRunMax = 5552;
  std::string out = "\x78\x01";
  out.reserve(content.size() + content.size() / 8192 + 64);
  uint32_t low = 1, high = 0;
  for (size_t at = 0; at < content.size(); at += kAdlerRunMax) {
    for (const char c : content.substr(at, kAdlerRunMax)) high += low += uint8_t(c);
    low %= kAdlerBase;
    high %= kAdlerBase;
  }
  const auto put = [&](uint32_t value) { out += char(value & 0xff); };
  do {
    const std::string_view block = content.substr(0, kBlockMax);
    content.remove_prefix(block.size());
    const auto size = uint32_t(block.size());
    put(content.empty() ? 1 : 0);
    for (const uint32_t number : {size, size >> 8, ~size, ~size >> 8}) put(number);
    out += block;
  } while (!content.empty());
  for (const uint32_t number : {high >> 8, high, low >> 8, low}) put(number);
  return out;
}

git_odb* open_objects(const std::string& objects) {
  constexpr int kFastest = 1;  // compression
  git_odb_backend* loose = nullptr;
  git_odb* odb = nullptr;
  check_git(git().odb_backend_loose(&loose, objects.c_str(), kFastest, 0, 0, 0),
            "cannot open " + objects);
  check_git(git().odb_new(&odb), "cannot open " + objects);
  check_git(git().odb_add_backend(odb, loose, 1), "cannot open " + objects);
  return odb;
}

// Beside its place: one that is half made when the process is killed is none, nor is one without
// HEAD, which comes last.
void make_repository(const fs::path& folder) {
  const fs::path made = folder.string() + ".new";
  fs::remove_all(made);
  {
    GitHandle<git_repository, &GitFunctions::repository_free> repository;
    check_git(git().repository_init(&repository.pointer, made.c_str(), 1),
              "cannot make the snapshot repository " + made.string());
  }
  fs::remove_all(folder);
  fs::rename(made, folder);
}

}  // namespace

struct SnapshotStore::Impl {
  fs::path folder, workspace;
  SnapshotLimits limits;
  Once opened;  // what follows is there
  git_repository* repository = nullptr;
  git_odb* odb = nullptr;
  fs::path objects;
  std::mutex mutex;
  SeenFiles seen;
  bool has_new = false;  // in `seen`

  ~Impl() {
    if (has_new) write_seen_files(seen_place(folder), seen);
    if (odb != nullptr) git().odb_free(odb);
    if (repository != nullptr) git().repository_free(repository);
  }

  // libgit2 is loaded by the first snapshot, so that a run gets to its model without it.
  Impl& open() {
    opened.call([this] {
      if (!fs::exists(folder / "HEAD")) make_repository(folder);
      const auto init = [&] { return git().repository_init(&repository, folder.c_str(), 1); };
      check_git(despite_stale_lock(folder / "config", init),
                "cannot open the snapshot repository " + folder.string());
      objects = folder / "objects";
      odb = open_objects(objects.string());
      seen = read_seen_files(seen_place(folder));
    });
    return *this;
  }

  std::string store(const std::string& content, const std::string& what) {
    git_oid id;
    if (is_worth_compressing(content)) {
      check_git(git().odb_write(&id, odb, content.data(), content.size(), GIT_OBJECT_BLOB),
                "cannot store " + what);
      return id_text(id);
    }
    check_git(git().odb_hash(&id, content.data(), content.size(), GIT_OBJECT_BLOB),
              "cannot store " + what);
    const std::string name = id_text(id);
    const fs::path file = objects / name.substr(0, 2) / name.substr(2);
    if (fs::exists(file)) return name;
    fs::create_directories(file.parent_path());
    const std::string header = "blob " + std::to_string(content.size()) + '\0';
    write_file_atomic(file, stored(header + content));
    return name;
  }

  // Nothing when it cannot be read, with errno.
  std::optional<SnapshotEntry> store_file(const std::string& path, const struct stat& status) {
    const auto known = seen.find(path);
    const FileStamp stamp = stamp_of(status);
    if (known != seen.end() && known->second.stamp == stamp) return known->second.entry;
    const bool is_known = is_settled(stamp);
    has_new = true;
    const auto content = read_content(workspace / path, status, limits.file_bytes_max);
    if (!content.has_value()) return std::nullopt;
    SnapshotEntry entry;
    entry.mode = S_ISLNK(status.st_mode)        ? GIT_FILEMODE_LINK
                 : (status.st_mode & 0111) != 0 ? GIT_FILEMODE_BLOB_EXECUTABLE
                                                : GIT_FILEMODE_BLOB;
    if (S_ISREG(status.st_mode)) entry.permissions = status.st_mode & 07777;
    entry.blob = store(*content, path);
    if (is_known) {
      seen[path] = {stamp, entry};
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
        snapshot.folders[path.string()] = status.st_mode & 07777;
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
};

SnapshotStore::SnapshotStore(const fs::path& folder, fs::path workspace, SnapshotLimits limits)
    : impl_(std::make_unique<Impl>()) {
  impl_->folder = folder;
  impl_->workspace = std::move(workspace);
  impl_->limits = limits;
  fs::create_directories(folder);
}

SnapshotStore::~SnapshotStore() = default;

Snapshot SnapshotStore::take() {
  const std::scoped_lock guard(impl_->open().mutex);
  Snapshot snapshot;
  std::map<std::string, struct stat> found;
  impl_->walk("", found, snapshot);
  impl_->leave_out_ignored(found, snapshot);
  std::erase_if(impl_->seen, [&](const auto& file) { return !found.contains(file.first); });
  for (const auto& [path, status] : found) {
    if (const auto entry = impl_->store_file(path, status)) {
      snapshot.files.emplace(path, *entry);
    } else if (errno != ENOENT) {  // else it vanished meanwhile
      Impl::leave_out(snapshot, path, std::strerror(errno), &status);
    }
  }
  std::sort(snapshot.left_out.begin(), snapshot.left_out.end());
  std::sort(snapshot.left_out_texts.begin(), snapshot.left_out_texts.end());
  snapshot.tree = write_snapshot_tree(impl_->odb, snapshot);
  return snapshot;
}

Snapshot SnapshotStore::load(const std::string& tree) const {
  const std::scoped_lock guard(impl_->open().mutex);
  return read_snapshot_tree(impl_->repository, impl_->odb, tree);
}

std::string SnapshotStore::content(const SnapshotEntry& entry) const {
  return read_blob(impl_->open().odb, entry.blob);
}

std::vector<std::string> SnapshotStore::restore(const Snapshot& target) {
  const Snapshot now = take();
  WantedFiles wanted;
  for (const std::string& path : changed_paths(now, target)) wanted[path] = entry_in(target, path);
  for (const std::string& path : changed_folders(now, target)) {
    wanted[path] = entry_in(target, path);
  }
  return put_back(wanted);
}

std::vector<std::string> SnapshotStore::put_back(const WantedFiles& wanted) {
  return put_back_beneath(impl_->workspace, wanted,
                          [this](const SnapshotEntry& entry) { return content(entry); });
}

void SnapshotStore::write_to(const Snapshot& snapshot, const fs::path& folder) const {
  for (const auto& [path, entry] : snapshot.files) {
    clear_way(folder, path);
    write_entry(entry, content(entry), folder, path);
  }
}

void SnapshotStore::pin(const std::string& tree, const std::string& name) {
  const std::scoped_lock guard(impl_->open().mutex);
  const git_oid id = parse_id(tree);
  GitHandle<git_reference, &GitFunctions::reference_free> reference;
  const std::string place = "refs/corvid/" + name;
  const auto create = [&] {
    return git().reference_create(&reference.pointer, impl_->repository, place.c_str(), &id, 1,
                                  nullptr);
  };
  check_git(despite_stale_lock(git().repository_path(impl_->repository) + place, create),
            "cannot pin " + tree);
}

fs::path seen_place(const fs::path& folder) { return folder / "corvid-seen"; }

FileStamp stamp_of(const struct stat& status) {
  return {int64_t(status.st_size), nanoseconds(status.st_mtim), nanoseconds(status.st_ctim),
          uint64_t(status.st_ino)};
}

bool is_settled(const FileStamp& stamp) {
  constexpr int64_t kStepNs = 50'000'000, kSecondNs = 1'000'000'000;
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  const int64_t step = stamp.ctime_ns % kSecondNs == 0 ? 2 * kSecondNs : kStepNs;
  return stamp.ctime_ns + step < nanoseconds(now);
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

bool is_folder(const SnapshotEntry& entry) { return entry.mode == GIT_FILEMODE_TREE; }

std::optional<SnapshotEntry> entry_in(const Snapshot& snapshot, const std::string& path) {
  const auto file = snapshot.files.find(path);
  if (file != snapshot.files.end()) return file->second;
  const auto folder = snapshot.folders.find(path);
  if (folder == snapshot.folders.end()) return std::nullopt;
  return SnapshotEntry{"", GIT_FILEMODE_TREE, folder->second};
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

namespace {

template <typename Entries>
std::vector<std::string> changed_in(const Snapshot& before, const Snapshot& after,
                                    Entries Snapshot::* entries) {
  std::vector<std::string> changed;
  for (const auto& [path, entry] : before.*entries) {
    const auto found = (after.*entries).find(path);
    if (found == (after.*entries).end() || found->second != entry) changed.push_back(path);
  }
  for (const auto& [path, entry] : after.*entries) {
    if (!(before.*entries).contains(path)) changed.push_back(path);
  }
  std::erase_if(changed, [&](const std::string& path) {
    return is_left_out(before, path) || is_left_out(after, path);
  });
  std::sort(changed.begin(), changed.end());
  return changed;
}

}  // namespace

std::vector<std::string> changed_paths(const Snapshot& before, const Snapshot& after) {
  return changed_in(before, after, &Snapshot::files);
}

std::vector<std::string> changed_folders(const Snapshot& before, const Snapshot& after) {
  if (!before.has_folders || !after.has_folders) return {};
  return changed_in(before, after, &Snapshot::folders);
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
