#include "runtime/kept_files.h"

#include <optional>
#include <set>

#include <sys/stat.h>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/git_functions.h"
#include "runtime/git_objects.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

constexpr int kFilesMax = 200'000;
constexpr int kDepthMax = 64;
constexpr int64_t kExcludeBytesMax = 1 << 20;

// The repository that holds a folder, if any.
class Repository {
 public:
  Repository(const fs::path& folder, unsigned flags) {
    if (git().repository_open_ext(&repository_, folder.c_str(), flags, nullptr) != 0) return;
    const char* work = git().repository_workdir(repository_);
    if (work == nullptr) return;
    std::error_code error;
    const fs::path place = fs::relative(folder, work, error).lexically_normal();
    if (error || place.empty() || *place.begin() == "..") return;
    prefix_ = place == "." ? "" : place.string() + "/";
    is_open_ = true;
  }
  ~Repository() { git().repository_free(repository_); }
  Repository(const Repository&) = delete;
  Repository& operator=(const Repository&) = delete;

  bool is_open() const { return is_open_; }

  bool ignores(const std::string& path) const {
    int ignored = 0;
    return git().ignore_path_is_ignored(&ignored, repository_, (prefix_ + path).c_str()) == 0 &&
           ignored != 0;
  }

  // Calls visit(path, is_submodule) for every entry of the index beneath the folder.
  template <typename Visit>
  void each_tracked(const Visit& visit) const {
    git_index* index = nullptr;
    if (git().repository_index(&index, repository_) != 0) return;
    for (size_t i = 0; i < git().index_entrycount(index); ++i) {
      const git_index_entry* entry = git().index_get_byindex(index, i);
      const std::string path = entry->path;
      if (path.size() <= prefix_.size() || !path.starts_with(prefix_)) continue;
      visit(path.substr(prefix_.size()), entry->mode == GIT_FILEMODE_COMMIT);
    }
    git().index_free(index);
  }

 private:
  git_repository* repository_ = nullptr;
  std::string prefix_;  // of the folder in the work tree: "" or "a/b/"
  bool is_open_ = false;
};

void add_tracked(const fs::path& root, const std::string& folder, int depth,
                 std::vector<std::string>& paths) {
  const Repository repository(root / folder, depth == 0 ? 0 : GIT_REPOSITORY_OPEN_NO_SEARCH);
  if (!repository.is_open()) return;
  std::vector<std::string> submodules;
  repository.each_tracked([&](const std::string& path, bool is_submodule) {
    (is_submodule ? submodules : paths).push_back(folder + path);
  });
  if (depth >= kDepthMax) return;
  for (const std::string& path : submodules) {
    std::error_code error;
    if (fs::exists(fs::symlink_status(root / path / ".git", error))) {
      add_tracked(root, path + "/", depth + 1, paths);
    }
  }
}

// Whether folders of a root are reached without symbolic links.
class PlainFolders {
 public:
  explicit PlainFolders(const fs::path& root) : root_(root) {}

  bool contains(const std::string& folder) {
    if (folder.empty()) return true;
    const auto known = known_.find(folder);
    if (known != known_.end()) return true;
    const size_t slash = folder.rfind('/');
    if (slash != std::string::npos && !contains(folder.substr(0, slash))) return false;
    struct stat status;
    if (::lstat((root_ / folder).c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return false;
    known_.insert(folder);
    return true;
  }

 private:
  const fs::path& root_;
  std::set<std::string> known_;
};

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

void walk(const fs::path& root, const fs::path& relative, int depth, Tree& tree) {
  if (depth > kDepthMax) return;
  std::error_code error;
  const auto options = fs::directory_options::skip_permission_denied;
  for (fs::directory_iterator it(root / relative, options, error), end; !error && it != end;
       it.increment(error)) {
    const fs::path path = relative / it->path().filename();
    if (path.filename() == ".git") continue;
    std::error_code vanished;
    const fs::file_status status = it->symlink_status(vanished);
    if (fs::is_directory(status)) {
      tree.folders.push_back(path.string());
      walk(root, path, depth + 1, tree);
    } else if (fs::is_regular_file(status) || fs::is_symlink(status)) {
      tree.files.push_back(path.string());
    }
  }
  if (error) fail(Code::io, "cannot list " + (root / relative).string() + ": " + error.message());
}

}  // namespace

Tree list_tree(const fs::path& root) {
  Tree tree;
  walk(root, "", 0, tree);
  return tree;
}

KeptRule::KeptRule(const tools::Workspace& original) : root_(original.root()) {
  add_tracked(root_, "", 0, tracked_);
}

std::vector<std::string> KeptRule::files(const tools::Workspace& workspace) const {
  std::set<std::string> paths;
  for (std::string& path : workspace.files(kFilesMax + 1)) paths.insert(std::move(path));
  PlainFolders plain(workspace.root());
  for (const std::string& path : tracked_) {
    struct stat status;
    if (!plain.contains(folder_of(path))) continue;
    if (::lstat((workspace.root() / path).c_str(), &status) != 0) continue;
    if (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)) paths.insert(path);
  }
  // Links beside kept files, unless git ignores them: caches and environments hold no kept file.
  std::set<std::string> folders = {""};
  for (const std::string& path : paths) {
    for (std::string folder = folder_of(path); folders.insert(folder).second;) {
      folder = folder_of(folder);
    }
  }
  const Repository repository(root_, 0);
  for (const std::string& folder : folders) {
    std::error_code error;
    for (fs::directory_iterator it(workspace.root() / folder, error), end; !error && it != end;
         it.increment(error)) {
      std::error_code vanished;
      if (!fs::is_symlink(it->symlink_status(vanished))) continue;
      const std::string name = it->path().filename().string();
      const std::string path = folder.empty() ? name : folder + "/" + name;
      if (name != ".git" && !(repository.is_open() && repository.ignores(path))) paths.insert(path);
    }
  }
  if (paths.size() > size_t(kFilesMax)) {
    fail(Code::invalid, "the workspace has more than " + std::to_string(kFilesMax) +
                            " files that git does not ignore: use a smaller folder, or list "
                            "generated files in .gitignore");
  }
  return {paths.begin(), paths.end()};
}

std::vector<std::string> kept_files(const tools::Workspace& workspace) {
  return KeptRule(workspace).files(workspace);
}

std::vector<fs::path> nested_git_folders(const tools::Workspace& workspace) {
  constexpr size_t kNestedMax = 256;
  std::optional<Repository> repository;
  std::vector<fs::path> found;
  for (const std::string& folder : list_tree(workspace.root()).folders) {
    struct stat status;
    const fs::path path = workspace.root() / folder / ".git";
    if (::lstat(path.c_str(), &status) != 0 || S_ISLNK(status.st_mode)) continue;
    if (!repository.has_value()) repository.emplace(workspace.root(), 0);
    if (repository->is_open() && repository->ignores(folder + "/")) continue;
    found.push_back(workspace.shown_as() / folder / ".git");
    if (found.size() == kNestedMax) break;
  }
  return found;
}

void stand_in_for_git(const fs::path& from, const fs::path& to) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(from / ".git", error);
  if (!fs::exists(status)) return;
  if (!fs::is_directory(from / ".git", error)) {
    write_file_atomic(to / ".git", "");
    return;
  }
  fs::create_directories(to / ".git" / "info");
  const fs::path exclude = from / ".git" / "info" / "exclude";
  const auto size = fs::is_regular_file(exclude, error) ? fs::file_size(exclude, error) : 0;
  if (!error && size != 0 && size <= uintmax_t(kExcludeBytesMax)) {
    write_file_atomic(to / ".git" / "info" / "exclude", read_file(exclude));
  }
}

}  // namespace corvid::runtime
