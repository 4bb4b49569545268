#include "sandbox/launch/file_tree.h"

#include <algorithm>
#include <map>
#include <set>

#include "runtime/base/error.h"

namespace corvid::sandbox {
namespace {

namespace fs = std::filesystem;
using jail::MountOp;
using Kind = MountOp::Kind;

constexpr int kLinksMax = 40;
constexpr int64_t kDeviceFolderBytes = 65536;

struct Item {
  Kind kind = Kind::dir;
  fs::path source;
  int64_t bytes = 0;
  fs::path below{}, below_work{};
};

// Components compare one by one, so that a folder comes right before what lies in it.
struct ByComponents {
  bool operator()(const fs::path& a, const fs::path& b) const {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
  }
};

bool shows_host(const Item& item) { return item.kind == Kind::read || item.kind == Kind::write; }

// False also for what cannot be looked at.
bool is_there(const fs::path& path) {
  std::error_code ignored;
  const fs::file_type type = fs::symlink_status(path, ignored).type();
  return type != fs::file_type::none && type != fs::file_type::not_found;
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

class TreeBuilder {
 public:
  explicit TreeBuilder(const Profile& profile) : profile_(profile) {}

  FileTree build() {
    for (const fs::path& root : profile_.read_roots) add_read_root(root);
    add_standard_folders();
    if (!profile_.home.empty()) {
      put(resolve(profile_.home), {Kind::tmpfs, "", profile_.memory_bytes_max / 2});
    }
    for (const fs::path& root : profile_.write_roots) {
      if (!is_folder(root)) fail(Code::not_found, "writable root " + root.string() + " not found");
      const fs::path path = resolve(root);
      put(path, {Kind::write, path, 0});
    }
    for (const Mount& mount : profile_.mounts) {
      if (!is_there(mount.source)) {
        fail(Code::not_found, "mount source " + mount.source.string() + " not found");
      }
      const Kind kind = mount.writable ? Kind::write : Kind::read;
      Item item = {kind, fs::canonical(mount.source), 0};
      if (!mount.below.empty()) {
        item.below = fs::canonical(mount.below);
        item.below_work = fs::canonical(mount.below_work);
      }
      put(resolve(mount.target), std::move(item));
    }
    for (const fs::path& path : profile_.hidden_paths) add_hidden(path);
    emit_items();
    for (const fs::path& path : profile_.hidden_paths) pin_above(path);
    for (const fs::path& path : profile_.protected_paths) add_protected(path);
    for (const fs::path& path : pins_) emit(Kind::pin, "", path);
    for (const fs::path& path : protected_) emit(Kind::protect, "", path);
    return std::move(tree_);
  }

 private:
  void emit(Kind kind, const fs::path& source, const fs::path& target, int64_t bytes = 0) {
    tree_.mounts.push_back({kind, source.string(), target.string(), bytes});
  }

  void put(const fs::path& target, Item item) { items_[target] = std::move(item); }

  // The path without symbolic links; each link on the way becomes a part of the tree. What does not
  // exist is taken as it is.
  fs::path resolve(const fs::path& given) {
    if (!given.is_absolute()) fail(Code::invalid, "not an absolute path: " + given.string());
    fs::path rest = given.lexically_normal();
    if (!rest.has_filename()) rest = rest.parent_path();
    for (int links = 0; links < kLinksMax; ++links) {
      fs::path done = "/";
      bool is_whole = true;
      for (auto part = std::next(rest.begin()); part != rest.end(); ++part) {
        std::error_code error;
        const fs::path next = done / *part;
        const fs::path text = fs::read_symlink(next, error);
        if (error) {
          done = next;
          continue;
        }
        links_[next] = text;
        fs::path after = done / text;
        for (++part; part != rest.end(); ++part) after /= *part;
        rest = after.lexically_normal();
        if (!rest.has_filename()) rest = rest.parent_path();
        is_whole = false;
        break;
      }
      if (is_whole) return done;
    }
    fail(Code::invalid, "too many symbolic links: " + given.string());
  }

  void add_read_root(const fs::path& root) {
    if (!is_there(root)) return;
    if (root == "/") return add_whole_file_system();
    const fs::path path = resolve(root);
    if (is_there(path)) put(path, {Kind::read, path, 0});
  }

  // All but what the tree has of its own, and the sockets of services in /run.
  void add_whole_file_system() {
    const std::set<std::string> own = {"proc", "sys", "dev", "run", "tmp", "lost+found"};
    for (const fs::directory_entry& entry : fs::directory_iterator("/")) {
      if (!own.contains(entry.path().filename().string())) add_read_root(entry.path());
    }
  }

  void add_standard_folders() {
    put("/proc", {Kind::proc, "", 0});
    put("/tmp", {Kind::tmpfs, "", profile_.memory_bytes_max / 2});
    put("/dev", {Kind::mask, "", kDeviceFolderBytes});
    for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"}) {
      const fs::path path = fs::path("/dev") / name;
      if (is_there(path)) put(path, {Kind::device, path, 0});
    }
    put("/dev/shm", {Kind::tmpfs, "", profile_.memory_bytes_max / 2});
    put("/dev/pts", {Kind::pts, "", 0});
    links_["/dev/ptmx"] = "pts/ptmx";
    links_["/dev/fd"] = "/proc/self/fd";
    for (int fd = 0; fd < 3; ++fd) {
      constexpr const char* kNames[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
      links_[kNames[fd]] = "/proc/self/fd/" + std::to_string(fd);
    }
  }

  // The nearest item above `path`, or at it when `inclusive`; none when the root is.
  std::pair<fs::path, const Item*> above(const fs::path& path, bool inclusive = false) const {
    for (fs::path at = inclusive ? path : path.parent_path();; at = at.parent_path()) {
      const auto found = items_.find(at);
      if (found != items_.end()) return {at, &found->second};
      if (at == at.root_path()) return {at, nullptr};
    }
  }

  // Where the command's `path` lies on the host; empty when it does not show the host there.
  fs::path host_path(const fs::path& path, bool inclusive) const {
    const auto [at, item] = above(path, inclusive);
    if (item == nullptr || !shows_host(*item)) return {};
    if (at == path) return item->source;
    const fs::path rest = path.lexically_relative(at);
    const bool is_below = !item->below.empty() && !is_there(item->source / rest);
    return (is_below ? item->below : item->source) / rest;
  }

  void add_hidden(const fs::path& given) {
    const fs::path path = resolve(given);
    const fs::path host = host_path(path, true);
    if (host.empty() || !is_there(host)) return;
    const Kind kind = is_folder(host) ? Kind::mask : Kind::mask_file;
    put(path, {kind, "", 4096});
  }

  // The folders on the way to something hidden cannot be renamed: it would come to light elsewhere.
  void pin_above(const fs::path& given) {
    const fs::path path = resolve(given);
    const auto [at, outer] = above(path);
    if (!items_.contains(path) || outer == nullptr || outer->kind != Kind::write) return;
    for (fs::path folder = path.parent_path(); folder != at; folder = folder.parent_path()) {
      pins_.insert(folder);
    }
  }

  void emit_items() {
    std::map<fs::path, Item, ByComponents> all(items_.begin(), items_.end());
    for (const auto& [path, text] : links_) {
      if (host_path(path, true).empty() && !items_.contains(path)) {
        all[path] = {Kind::link, text, 0};
      }
    }
    for (const auto& [path, item] : all) {
      if (item.kind == Kind::link) {
        emit(Kind::link, item.source, path);
        continue;
      }
      const fs::path host = host_path(path, false);
      const auto [at, outer] = above(path);
      if (host.empty()) {
        const bool is_file = item.kind == Kind::device ||
                             (shows_host(item) && !is_folder(item.source));
        emit(is_file ? Kind::file : Kind::dir, "", path);
      } else if (shows_host(item) && host == item.source &&
                 (item.kind == outer->kind || item.kind == Kind::read)) {
        continue;  // already visible with at least these rights
      } else if (!is_there(host)) {
        fail(Code::not_found, "nothing at " + host.string() + " to mount " + path.string() + " on");
      }
      emit(item.kind, item.source, path, item.bytes);
      tree_.mounts.back().below = item.below.string();
      tree_.mounts.back().below_work = item.below_work.string();
    }
  }

  void add_protected(const fs::path& given) {
    const fs::path path = given.lexically_normal();
    const auto [at, item] = above(path, true);
    if (item == nullptr || item->kind != Kind::write) return;  // not writable in the first place
    if (at == path) fail(Code::invalid, path.string() + " is writable and protected");
    fs::path inside = at;
    fs::path host = item->source;
    const fs::path rest = path.lexically_relative(at);
    for (auto part = rest.begin(); part != rest.end(); ++part) {
      if (part->empty()) continue;
      inside /= *part;
      host /= *part;
      std::error_code ignored;
      const fs::file_type type = fs::symlink_status(host, ignored).type();
      if (type == fs::file_type::symlink) {
        fail(Code::denied, "cannot protect " + path.string() + ": " + host.string() +
                               " is a symbolic link; replace it by what it points to");
      }
      if (!is_there(host)) {
        const std::string place = host.string();
        auto& known = tree_.placeholders;
        if (std::find(known.begin(), known.end(), place) == known.end()) known.push_back(place);
        protected_.insert(inside);
        return;
      }
      if (std::next(part) == rest.end()) protected_.insert(inside);
      else pins_.insert(inside);
    }
  }

  const Profile& profile_;
  std::map<fs::path, Item, ByComponents> items_;
  std::map<fs::path, fs::path, ByComponents> links_;
  std::set<fs::path, ByComponents> pins_;  // folders on the way to something protected or hidden
  std::set<fs::path, ByComponents> protected_;
  FileTree tree_;
};

}  // namespace

FileTree make_file_tree(const Profile& profile) { return TreeBuilder(profile).build(); }

}  // namespace corvid::sandbox
