#include "runtime/clean_copy.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policies/git_folders.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

// What zip files begin with, too: 1980-01-01.
constexpr time_t kOldTime = 315532800;

bool is_readable(const fs::path& path, const struct stat& status) {
  return !S_ISREG(status.st_mode) || ::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0;
}

// Something for a mount of the workspace's .git to stand on, where it has one.
void make_place_for_git(const fs::path& root, const fs::path& workspace) {
  if (fs::is_directory(workspace / ".git")) {
    fs::create_directories(root / ".git");
  } else if (fs::exists(workspace / ".git") && !fs::exists(root / ".git")) {
    write_file_atomic(root / ".git", "");
  }
}

void make_folders(const fs::path& root, const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) fs::create_directories(root / folder);
}

}  // namespace

ScratchFolder::ScratchFolder(const std::string& prefix, const fs::path& base) {
  if (!base.empty()) fs::create_directories(base);
  const fs::path below = base.empty() ? fs::temp_directory_path() : base;
  std::string name = (below / (prefix + "-XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr) fail_errno("cannot create the folder " + name);
  path_ = fs::canonical(name);
}

ScratchFolder::~ScratchFolder() { remove_tree(path_); }

void clear_way(const fs::path& root, const std::string& path) {
  struct stat status;
  for (size_t slash = path.find('/'); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const fs::path folder = root / path.substr(0, slash);
    if (::lstat(folder.c_str(), &status) != 0) return;
    if (!S_ISDIR(status.st_mode)) {
      fs::remove(folder);
      return;
    }
  }
  if (::lstat((root / path).c_str(), &status) == 0) fs::remove_all(root / path);
}

IgnoredFiles::IgnoredFiles(const tools::Workspace& workspace, int64_t bytes_max,
                           const fs::path& base)
    : folder_("corvid-ignored", base), workspace_(workspace.root()), rule_(workspace) {
  const std::vector<std::string> kept = rule_.files(workspace);
  Tree tree = list_tree(workspace.root());
  folders_ = std::move(tree.folders);
  int64_t total = 0;
  bool shares_blocks = true;
  for (const std::string& path : tree.files) {
    if (std::binary_search(kept.begin(), kept.end(), path)) continue;
    const fs::path source = workspace.root() / path;
    struct stat status;
    if (::lstat(source.c_str(), &status) != 0) continue;
    if (!is_readable(source, status)) {
      left_out_.push_back(path);
      continue;
    }
    if (total + status.st_size > bytes_max) {
      shares_blocks = shares_blocks && clone_file_exact(source, folder_.path() / path);
      if (shares_blocks) {
        paths_.push_back(path);
        continue;
      }
      left_out_.push_back(path);
      if (const auto stamp = settled_stamp(source)) known_left_out_[path] = *stamp;
      continue;
    }
    total += status.st_size;
    copy_file_exact(source, folder_.path() / path);
    paths_.push_back(path);
  }
}

IgnoredFiles::IgnoredFiles(const tools::Workspace& workspace, const SnapshotStore& store,
                           const Snapshot& start, const fs::path& base)
    : folder_("corvid-ignored", base),
      workspace_(workspace.root()),
      rule_(workspace),
      left_out_(start.left_out),
      known_left_out_(start.left_out_stamps) {
  const fs::path& root = folder_.path();
  store.write_to(start, root);
  folders_ = list_tree(root).folders;
  // The ignore rules of the start decide.
  stand_in_for_git(workspace.root(), root);
  const std::vector<std::string> kept = rule_.files(tools::Workspace(root, workspace.shown_as()));
  fs::remove_all(root / ".git");
  for (const auto& [path, entry] : start.files) {
    if (std::binary_search(kept.begin(), kept.end(), path)) {
      fs::remove(root / path);
      continue;
    }
    const timespec times[2] = {{kOldTime, 0}, {kOldTime, 0}};
    ::utimensat(AT_FDCWD, (root / path).c_str(), times, AT_SYMLINK_NOFOLLOW);
    paths_.push_back(path);
  }
}

void IgnoredFiles::copy_to(const fs::path& folder) const {
  make_folders(folder, folders_);
  for (const std::string& path : paths_) copy_file_exact(folder_.path() / path, folder / path);
}

CleanCopy::CleanCopy(const tools::Workspace& workspace, const IgnoredFiles& ignored,
                     const fs::path& base)
    : folder_("corvid-check", base),
      root_(folder_.path() / "files"),
      work_(folder_.path() / "work"),
      kept_(ignored.rule().files(workspace)) {
  fs::create_directory(root_);
  ignored.copy_to(root_);
  for (const std::string& path : kept_) {
    const fs::path source = workspace.root() / path;
    struct stat status;
    clear_way(root_, path);
    if (::lstat(source.c_str(), &status) != 0 || !is_readable(source, status)) {
      left_out_.push_back(path);
      continue;
    }
    copy_file_exact(source, root_ / path);
  }
}

void CleanCopy::show_rest(const IgnoredFiles& ignored) {
  make_place_for_git(root_, ignored.workspace());
  overlay_.emplace(root_, ignored.workspace(), ignored.known_left_out());
  if (overlay_->is_empty()) overlay_.reset();
  else fs::create_directory(work_);
}

WorkingCopy::WorkingCopy(const tools::Workspace& workspace, const fs::path& base)
    : folder_("corvid-attempt", base) {
  const Tree tree = list_tree(workspace.root());
  make_folders(folder_.path(), tree.folders);
  for (const std::string& path : tree.files) {
    const fs::path source = workspace.root() / path;
    struct stat status;
    if (::lstat(source.c_str(), &status) != 0 || !is_readable(source, status)) continue;
    copy_file_exact(source, folder_.path() / path);
  }
  stand_in_for_git(workspace.root(), folder_.path());
}

sandbox::Profile show_at(sandbox::Profile profile, const fs::path& root, const fs::path& shown_as) {
  if (root == shown_as) return profile;
  const bool writable = std::erase(profile.write_roots, shown_as) != 0;
  std::erase(profile.read_roots, shown_as);
  profile.mounts.push_back({root, shown_as, writable});
  if (fs::exists(shown_as / ".git")) {
    make_place_for_git(root, shown_as);
    profile.mounts.push_back({shown_as / ".git", shown_as / ".git", false});
  }
  for (const fs::path& folder : policies::git_folders_outside(shown_as)) {
    auto& roots = profile.read_roots;
    if (std::find(roots.begin(), roots.end(), folder) == roots.end()) roots.push_back(folder);
  }
  return profile;
}

sandbox::Profile show_at(sandbox::Profile profile, const CleanCopy& copy,
                         const fs::path& shown_as) {
  profile = show_at(std::move(profile), copy.root(), shown_as);
  for (sandbox::Mount& mount : profile.mounts) {
    if (copy.overlay() == nullptr || mount.source != copy.root()) continue;
    mount.below = copy.overlay()->folder();
    mount.below_work = copy.work_;
  }
  return profile;
}

}  // namespace corvid::runtime
