#include "tools/workspace.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/real_paths.h"
#include "sandbox/profile.h"
#include "tools/quote.h"
#include "tools/support/beneath.h"
#include "tools/support/walk.h"

namespace corvid::tools {
namespace {

constexpr size_t kPathBytesMax = 4096;

bool has_git_component(const std::filesystem::path& path) {
  return std::ranges::any_of(path, [](const auto& part) { return part == ".git"; });
}

[[noreturn]] void fail_leaves(std::string_view path) {
  fail(Code::invalid, quote_path(path) + " is outside the workspace");
}

// `path` without "." and empty components, ".." resolved in text; false when it climbs out.
bool clean(std::string_view path, std::string& out) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (parts.empty()) return false;
      parts.pop_back();
    } else {
      parts.push_back(part);
    }
  }
  out.clear();
  for (const std::string_view part : parts) {
    if (!out.empty()) out += '/';
    out += part;
  }
  if (out.empty()) out = ".";
  return true;
}

Descriptor open_root(const std::filesystem::path& root) {
  Descriptor fd(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open()) fail_errno("cannot open the workspace " + root.string());
  return fd;
}

[[noreturn]] void fail_open(std::string_view path) {
  if (errno == EXDEV || errno == ELOOP) fail_leaves(path);
  if (errno == ENOTDIR) fail(Code::invalid, quote_path(path) + ": a part of it is not a folder");
  fail_errno("cannot open " + quote_path(path));
}

// Where something beneath the root really lies, relative to it.
std::string place_beneath(int root_fd, int fd, std::string_view path) {
  const std::filesystem::path root = real_path(root_fd);
  const std::filesystem::path place = real_path(fd).lexically_relative(root);
  if (place.empty() || *place.begin() == "..") fail_leaves(path);
  return place.string();
}

// The existing part of `path` with its links resolved, and what is left of the path. A link to
// nothing is an error.
std::pair<std::string, std::string> resolve(int root_fd, const std::string& path) {
  std::string head = path;
  std::string tail;
  for (;;) {
    const Descriptor fd = open_beneath(root_fd, head, O_PATH);
    if (fd.is_open()) return {place_beneath(root_fd, fd.get(), path), tail};
    if (errno != ENOENT) fail_open(path);
    const Descriptor link = open_beneath(root_fd, head, O_PATH | O_NOFOLLOW);
    if (link.is_open()) fail(Code::invalid, quote_path(path) + " goes through a link to nothing");
    const size_t slash = head.rfind('/');
    const std::string name = slash == std::string::npos ? head : head.substr(slash + 1);
    tail = tail.empty() ? name : name + "/" + tail;
    head = slash == std::string::npos ? "." : head.substr(0, slash);
  }
}

std::string joined(const std::string& head, const std::string& tail) {
  if (tail.empty()) return head;
  return head == "." ? tail : head + "/" + tail;
}

// The folder `path` beneath the root, made where it is missing.
Descriptor make_folder(int root_fd, const std::string& path) {
  for (size_t at = 0; at != std::string::npos && path != ".";) {
    at = path.find('/', at + 1);
    const std::string part = path.substr(0, at);
    if (open_beneath(root_fd, part, O_PATH | O_DIRECTORY).is_open()) continue;
    if (errno != ENOENT) fail_open(part);
    const size_t slash = part.rfind('/');
    const std::string parent = slash == std::string::npos ? "." : part.substr(0, slash);
    const std::string name = slash == std::string::npos ? part : part.substr(slash + 1);
    const Descriptor parent_fd = open_beneath(root_fd, parent, O_PATH | O_DIRECTORY);
    if (!parent_fd.is_open()) fail_open(part);
    if (::mkdirat(parent_fd.get(), name.c_str(), 0777) != 0 && errno != EEXIST) {
      fail_errno("cannot make the folder " + quote_path(part));
    }
  }
  Descriptor folder = open_beneath(root_fd, path, O_PATH | O_DIRECTORY);
  if (!folder.is_open()) fail_open(path);
  return folder;
}

// A tool that runs inside Corvid reads and writes all of a workspace: no place for a person's keys
// and startup files.
void refuse_private(const std::filesystem::path& root) {
  const char* variable = std::getenv("HOME");
  if (variable == nullptr || *variable != '/') return;
  std::error_code error;
  const std::filesystem::path home = std::filesystem::weakly_canonical(variable, error);
  if (error || home == home.root_path()) return;
  if (sandbox::is_beneath(home, root)) {
    const std::string what = home == root ? "the home folder itself" : "what holds the home folder";
    fail(Code::invalid, what + " cannot be a workspace: " + root.string());
  }
  RealPaths places;
  for (const std::string& name : sandbox::credential_names()) {
    const std::filesystem::path hidden = places.of(home / name);
    if (sandbox::is_beneath(root, hidden) || sandbox::is_beneath(hidden, root)) {
      fail(Code::invalid, root.string() + " cannot be a workspace: " + (home / name).string() +
                              " may hold credentials");
    }
  }
}

struct Target {
  Descriptor folder;
  std::string name;
};

// The folder and the name under which `relative_path` is written; no link is left in it. The folder
// is held open and checked where it really is, so a rename in between cannot lead into .git.
Target writing_target(int root_fd, const std::string& relative_path, bool makes_folders) {
  const auto refuse_git = [&](const std::string& place) {
    if (has_git_component(place)) {
      fail(Code::denied, quote_path(relative_path) + ": nothing beneath .git is written");
    }
  };
  refuse_git(relative_path);
  const auto [head, tail] = resolve(root_fd, relative_path);
  const std::string path = joined(head, tail);
  refuse_git(path);
  if (path == ".") fail(Code::invalid, "the workspace itself is a folder");
  const size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash);
  Target target;
  target.name = slash == std::string::npos ? path : path.substr(slash + 1);
  target.folder = makes_folders ? make_folder(root_fd, parent)
                                : open_beneath(root_fd, parent, O_PATH | O_DIRECTORY);
  if (!target.folder.is_open()) return target;
  refuse_git(place_beneath(root_fd, target.folder.get(), relative_path));
  struct stat status = {};
  if (::fstatat(target.folder.get(), target.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      !S_ISREG(status.st_mode)) {
    fail(Code::invalid, quote_path(relative_path) + " is not a regular file");
  }
  return target;
}

}  // namespace

Workspace::Workspace(std::filesystem::path root, std::filesystem::path shown_as) {
  std::error_code error;
  root_ = std::filesystem::canonical(root, error);
  if (error) fail(Code::invalid, "no such workspace folder: " + root.string());
  if (!std::filesystem::is_directory(root_, error)) {
    fail(Code::invalid, "the workspace is not a folder: " + root_.string());
  }
  if (root_ == root_.root_path()) fail(Code::invalid, "/ cannot be a workspace");
  if (has_git_component(root_)) {
    fail(Code::invalid, "a folder inside .git cannot be a workspace: " + root_.string());
  }
  shown_as_ = shown_as.empty() ? root_ : shown_as.lexically_normal();
  if (!shown_as_.has_filename()) shown_as_ = shown_as_.parent_path();
  refuse_private(shown_as_);
}

std::string Workspace::relative(std::string_view path) const {
  if (path.find('\0') != std::string_view::npos) fail(Code::invalid, "a path holds a zero byte");
  if (path.size() > kPathBytesMax) fail(Code::invalid, "a path is too long");
  std::string_view rest = path;
  if (path.starts_with('/')) {
    bool is_beneath = false;
    for (const std::filesystem::path* top : {&shown_as_, &root_}) {
      const std::string& prefix = top->native();
      if (!path.starts_with(prefix)) continue;
      if (path.size() > prefix.size() && path[prefix.size()] != '/') continue;
      rest = path.substr(prefix.size());
      is_beneath = true;
      break;
    }
    if (!is_beneath) fail_leaves(path);
  }
  std::string out;
  if (!clean(rest, out)) fail_leaves(path);
  return out;
}

std::filesystem::path Workspace::action_path(std::string_view relative_path) const {
  const Descriptor root_fd = open_root(root_);
  const auto [head, tail] = resolve(root_fd.get(), relative(relative_path));
  const std::string path = joined(head, tail);
  return path == "." ? shown_as_ : shown_as_ / path;
}

std::optional<std::string> Workspace::read(std::string_view relative_path,
                                           int64_t bytes_max) const {
  const std::string path = relative(relative_path);
  ReadResult result = read_beneath(root_, path, bytes_max);
  switch (result.outcome) {
    case ReadOutcome::ok: return std::move(result.content);
    case ReadOutcome::missing: return std::nullopt;
    case ReadOutcome::leaves: fail_leaves(path);
    case ReadOutcome::not_a_file:
      fail(Code::invalid, quote_path(path) + " is a folder or a device, not a file");
    case ReadOutcome::too_large:
      fail(Code::invalid, quote_path(path) + " is larger than " + std::to_string(bytes_max) +
                              " bytes");
    case ReadOutcome::unreadable: break;
  }
  fail(Code::io, "cannot read " + quote_path(path) + ": " + std::strerror(result.error));
}

void Workspace::write(std::string_view relative_path, std::string_view content) const {
  const Descriptor root_fd = open_root(root_);
  const Target target = writing_target(root_fd.get(), relative(relative_path), true);
  replace_file(target.folder.get(), target.name, content);
}

void Workspace::remove(std::string_view relative_path) const {
  const Descriptor root_fd = open_root(root_);
  std::string path = relative(relative_path);
  // Of a link itself only the way to it is followed.
  struct stat status = {};
  const Descriptor own = open_beneath(root_fd.get(), path, O_PATH | O_NOFOLLOW);
  const bool is_link = own.is_open() && ::fstat(own.get(), &status) == 0 && S_ISLNK(status.st_mode);
  Target target = writing_target(root_fd.get(), path, false);
  if (is_link) {
    const size_t slash = path.rfind('/');
    target.name = slash == std::string::npos ? path : path.substr(slash + 1);
    path = slash == std::string::npos ? "." : path.substr(0, slash);
    target.folder = open_beneath(root_fd.get(), path, O_PATH | O_DIRECTORY);
    if (has_git_component(place_beneath(root_fd.get(), target.folder.get(), path))) {
      fail(Code::denied, quote_path(relative_path) + ": nothing beneath .git is written");
    }
  }
  if (!target.folder.is_open()) return;
  if (::unlinkat(target.folder.get(), target.name.c_str(), 0) != 0 && errno != ENOENT) {
    fail_errno("cannot remove " + quote_path(relative_path));
  }
}

std::vector<std::string> Workspace::files(int count_max) const {
  return walk_files(root_, shown_as_, count_max);
}

}  // namespace corvid::tools
