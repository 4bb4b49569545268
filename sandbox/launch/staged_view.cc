#include "sandbox/launch/staged_view.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "runtime/base/copy_files.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::sandbox {
namespace {

namespace fs = std::filesystem;
using jail::MountOp;
using Kind = MountOp::Kind;

constexpr int kStagesMax = 1000;  // commands at once for one folder

bool is_there(const fs::path& path) {
  std::error_code ignored;
  const fs::file_type type = fs::symlink_status(path, ignored).type();
  return type != fs::file_type::none && type != fs::file_type::not_found;
}

// A folder that only this user can look into: others could put links in the way.
void make_private_folder(const fs::path& path) {
  std::error_code ignored;
  fs::create_directories(path.parent_path(), ignored);
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    fail_errno("cannot create " + path.string());
  }
  struct stat status = {};
  if (lstat(path.c_str(), &status) != 0) fail_errno("cannot stat " + path.string());
  if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077) != 0) {
    fail(Code::denied, path.string() + " is not a folder of this user alone; remove it");
  }
}

fs::path plain(const fs::path& path) {
  fs::path normal = path.lexically_normal();
  if (!normal.has_filename() && normal.has_relative_path()) normal = normal.parent_path();
  return normal;
}

// A folder or file of the host that the command is told of as `target`.
struct View {
  fs::path target;
  fs::path source;
  bool is_writable = false;
};

std::vector<View> views_of(const Profile& profile) {
  std::vector<View> views;
  for (const fs::path& root : profile.write_roots) {
    if (!fs::is_directory(root)) {
      fail(Code::not_found, "writable root " + root.string() + " not found");
    }
    views.push_back({plain(root), fs::canonical(root), true});
  }
  for (const Mount& mount : profile.mounts) {
    if (!is_there(mount.source)) {
      fail(Code::not_found, "mount source " + mount.source.string() + " not found");
    }
    if (!mount.below.empty()) {
      fail(Code::unsupported, "there are no overlays without a mount namespace");
    }
    views.push_back({plain(mount.target), fs::canonical(mount.source), mount.writable});
  }
  // Outer ones before what lies in them.
  std::stable_sort(views.begin(), views.end(), [](const View& a, const View& b) {
    return a.target.native().size() < b.target.native().size();
  });
  return views;
}

// Those of `paths` that lie beneath `view`, relative to it.
std::set<std::string> beneath(const std::vector<fs::path>& paths, const View& view) {
  std::set<std::string> found;
  for (const fs::path& path : paths) {
    const fs::path normal = plain(path);
    if (normal != view.target && is_beneath(normal, view.target)) {
      found.insert(normal.lexically_relative(view.target).string());
    }
  }
  return found;
}

}  // namespace

StageFolder::StageFolder(const fs::path& base, const std::string& key) {
  make_private_folder(base);
  const std::string name = fmt::format("{:016x}", fnv1a(key));  // the same in every run
  for (int i = 0; i < kStagesMax; ++i) {
    if (take(base, i == 0 ? name : name + "-" + std::to_string(i))) return;
  }
  fail(Code::denied, "too many commands work on copies of " + key + " at once");
}

bool StageFolder::take(const fs::path& base, const std::string& name) {
  lock_path_ = base / (name + ".lock");
  lock_ = Descriptor(open(lock_path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (lock_.get() < 0) fail_errno("cannot open " + lock_path_.string());
  struct stat mine = {}, there = {};
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) return false;
  // Whoever had it before has removed the file.
  if (fstat(lock_.get(), &mine) != 0 || lstat(lock_path_.c_str(), &there) != 0 ||
      mine.st_ino != there.st_ino) {
    return take(base, name);
  }
  path_ = base / name;
  remove_tree(path_);  // what a killed process left
  if (mkdir(path_.c_str(), 0700) != 0) fail_errno("cannot create " + path_.string());
  return true;
}

StageFolder::~StageFolder() {
  remove_tree(path_);
  unlink(lock_path_.c_str());
}

void sweep_stages(const fs::path& stages) {
  std::vector<fs::path> locks;
  std::error_code error;
  for (fs::directory_iterator it(stages, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".lock") locks.push_back(it->path());
  }
  for (const fs::path& path : locks) {
    const Descriptor lock(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (lock.get() < 0 || flock(lock.get(), LOCK_EX | LOCK_NB) != 0) continue;
    remove_tree(fs::path(path).replace_extension());
    unlink(path.c_str());
  }
}

StagedView::StagedView(const Profile& profile, const fs::path& base)
    : base_(base),
      home_(profile.home),
      stage_(base, profile.write_roots.empty() && profile.mounts.empty()
                       ? std::string("none")
                       : views_of(profile).front().target.string()) {
  fs::create_directory(stage_.path() / "tmp");
  fs::create_directory(stage_.path() / "home");
  add(Kind::write, stage_.path() / "tmp");
  add(Kind::write, stage_.path() / "home");
  paths_.emplace_back("/tmp", stage_.path() / "tmp");
  for (const fs::path& root : profile.read_roots) add_read_root(profile, root);
  add(Kind::read, "/proc");
  for (const char* name : {"null", "zero", "full", "random", "urandom"}) {
    const fs::path path = fs::path("/dev") / name;
    if (is_there(path)) add(Kind::device, path);
  }
  add_views(profile);
  output_paths_ = paths_;
  output_paths_.emplace_back(home_.empty() ? "/tmp" : home_.string(), stage_.path() / "home");
  std::erase_if(output_paths_, [](const auto& pair) { return pair.first == pair.second; });
  std::stable_sort(output_paths_.begin(), output_paths_.end(), [](const auto& a, const auto& b) {
    return a.second.size() > b.second.size();
  });
}

void StagedView::add(Kind kind, const fs::path& path) {
  places_.push_back({kind, path.string(), path.string(), 0});
}

// A rule for a folder holds for all in it: where something in it is hidden, its parts get one each.
void StagedView::add_read_root(const Profile& profile, const fs::path& root) {
  std::error_code error;
  const fs::path path = fs::canonical(root, error);
  if (error) return;
  if (is_beneath(root, "/tmp")) paths_.emplace_back(root, root);
  bool holds_hidden = path == "/";
  for (const fs::path& hidden : profile.hidden_paths) {
    if (is_beneath(path, plain(hidden))) return;
    holds_hidden |= is_there(hidden) && is_beneath(plain(hidden), path);
  }
  if (!holds_hidden) return add(Kind::read, path);
  const std::set<std::string> own = {"proc", "sys", "dev", "run", "tmp", "lost+found"};
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    if (path == "/" && own.contains(it->path().filename().string())) continue;
    std::error_code ignored;
    if (!it->is_symlink(ignored)) add_read_root(profile, it->path());
  }
}

void StagedView::add_views(const Profile& profile) {
  const std::vector<View> views = views_of(profile);
  std::vector<const View*> copied;
  std::vector<StagedFolder> folders;
  std::vector<std::pair<fs::path, fs::path>> links;  // in a copy, to what the command is to see
  for (const View& view : views) {
    const auto outer = std::find_if(copied.begin(), copied.end(), [&](const View* one) {
      return one->target != view.target && is_beneath(view.target, one->target);
    });
    if (outer != copied.end()) {
      StagedFolder& folder = folders[static_cast<size_t>(outer - copied.begin())];
      const std::string relative = view.target.lexically_relative((*outer)->target).string();
      folder.left_out.insert(relative);
      folder.read_only.erase(relative);
      links.emplace_back(folder.copy / relative, view.source);
    }
    const std::set<std::string> hidden = beneath(profile.hidden_paths, view);
    const std::set<std::string> read_only = beneath(profile.protected_paths, view);
    const bool is_copied = view.is_writable && outer == copied.end() &&
                           (!hidden.empty() || !read_only.empty());
    if (!is_copied) {
      add(view.is_writable ? Kind::write : Kind::read, view.source);
      const bool is_private = is_beneath(view.target, "/tmp");
      if (view.target != view.source || is_private) paths_.emplace_back(view.target, view.source);
      continue;
    }
    const std::string number = folders.empty() ? "" : std::to_string(folders.size());
    const fs::path copy = stage_.path() / ("work" + number) / view.target.filename();
    folders.push_back({view.source, copy, hidden, read_only, {}});
    copied.push_back(&view);
    paths_.emplace_back(view.target, copy);
    if (view.source != view.target) paths_.emplace_back(view.source, copy);
    add(Kind::write, copy);
    for (const std::string& path : read_only) {
      if (fs::is_directory(fs::symlink_status(view.source / path))) {
        add(Kind::read, view.source / path);
      }
    }
  }
  for (StagedFolder& folder : folders) {
    folder.paths = paths_;
    trees_.push_back(std::make_unique<StagedTree>(std::move(folder)));
  }
  for (const auto& [place, seen] : links) {
    fs::create_directories(place.parent_path());
    fs::create_symlink(seen, place);
  }
}

void StagedView::apply_to(jail::Plan& plan) const {
  plan.is_staged = true;
  plan.unruled = base_.string();
  plan.mounts = places_;
  plan.cwd = told_to_seen(plan.cwd, paths_);
  for (std::string& argument : plan.argv) argument = told_to_seen(argument, paths_);
  const std::string home = "HOME=" + (home_.empty() ? fs::path("/tmp") : home_).string();
  for (std::string& variable : plan.environment) {
    variable = variable == home ? "HOME=" + (stage_.path() / "home").string()
                                : told_to_seen(variable, paths_);
  }
}

std::vector<std::string> StagedView::bring_back() const {
  std::vector<std::string> left_alone;
  for (const auto& tree : trees_) {
    for (std::string& name : tree->bring_back()) left_alone.push_back(std::move(name));
  }
  return left_alone;
}

}  // namespace corvid::sandbox
