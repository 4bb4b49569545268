#include "runtime/left_behind.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/text.h"
#include "runtime/clean_copy.h"
#include "runtime/descriptor.h"
#include "runtime/kept_files.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

constexpr int kDepthMax = 64;
constexpr size_t kTextBytesMax = 64 << 10;
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
constexpr mode_t kIdBits = S_ISUID | S_ISGID;

// Names and modes of what a folder holds; empty when it cannot be listed.
std::map<std::string, mode_t> list(int folder) {
  std::map<std::string, mode_t> found;
  const int fd = ::openat(folder, ".", kFolderFlags);
  DIR* const stream = fd < 0 ? nullptr : ::fdopendir(fd);
  if (stream == nullptr) {
    if (fd >= 0) ::close(fd);
    return found;
  }
  while (const dirent* entry = ::readdir(stream)) {
    const std::string name = entry->d_name;
    struct stat status;
    if (name == "." || name == "..") continue;
    if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    found.emplace(name, status.st_mode);
  }
  ::closedir(stream);
  return found;
}

// A small regular file, or the target of a link; nothing for everything else.
std::optional<std::string> read_small(int folder, const std::string& name) {
  std::string text(kTextBytesMax + 1, '\0');
  ssize_t size = ::readlinkat(folder, name.c_str(), text.data(), text.size());
  if (size >= 0) return "link to " + text.substr(0, size_t(size));
  const Descriptor file(
      ::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status;
  if (!file.is_open() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return std::nullopt;
  }
  size = ::read(file.get(), text.data(), text.size());
  if (size < 0 || size_t(size) > kTextBytesMax) return std::nullopt;
  text.resize(size_t(size));
  return text;
}

// What tells one content from another: the text, or what the file system says about the file.
std::string content_or_stamp(int folder, const std::string& name) {
  if (auto text = read_small(folder, name)) return *std::move(text);
  struct stat status;
  if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return "";
  std::string stamp;
  for (const int64_t number : {int64_t(status.st_ino), int64_t(status.st_size),
                               int64_t(status.st_ctim.tv_sec), int64_t(status.st_ctim.tv_nsec)}) {
    stamp += std::to_string(number) + " ";
  }
  return stamp;
}

std::string lower(std::string_view text) {
  std::string low(text);
  for (char& c : low) {
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  }
  return low;
}

bool is_one_of(std::string_view name, std::string_view names) {  // a space around each
  return names.find(" " + std::string(name) + " ") != std::string_view::npos;
}

bool is_harmless(std::string_view section, std::string_view key, std::string_view value) {
  if (section == "advice") return true;
  if (section == "core") {
    return is_one_of(key, " repositoryformatversion filemode bare logallrefupdates ignorecase"
                          " precomposeunicode symlinks autocrlf eol ");
  }
  if (section == "remote") {
    return is_one_of(key, " url fetch tagopt ") && value.find("::") == std::string_view::npos &&
           value.find_first_of("\"\\") == std::string_view::npos;
  }
  if (section == "branch") return is_one_of(key, " remote merge rebase ");
  if (section == "user") return is_one_of(key, " name email ");
  return section == "init" && key == "defaultbranch";
}

// Whether a git configuration holds nothing but what git init, clone and the like write into it.
// Includes, continued lines and all that is not understood are more than that.
bool is_plain_config(std::string_view text) {
  std::string section;
  for (std::string_view line : split_lines(text)) {
    line = trim(line);
    if (line.starts_with('[')) {
      const size_t end = line.find(']');
      if (end == line.npos) return false;
      section = lower(line.substr(1, line.find_first_of(" \t.]") - 1));
      line = trim(line.substr(end + 1));
    }
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line.ends_with('\\')) return false;
    const size_t sign = std::min(line.find('='), line.size());
    const std::string key = lower(trim(line.substr(0, sign)));
    const std::string_view value = sign == line.size() ? "" : line.substr(sign + 1);
    if (!is_harmless(section, key, value)) return false;
  }
  return true;
}

// What git data can make git do.
struct GitData {
  bool is_plain = true;  // nothing but what git init, clone and commit leave
  std::string digest;    // of all that names or is a program
};

void add_hooks(int folder, GitData& data) {
  const Descriptor hooks(::openat(folder, "hooks", kFolderFlags));
  if (!hooks.is_open()) {  // a link, say
    data.is_plain = false;
    data.digest += content_or_stamp(folder, "hooks");
  }
  for (const auto& [name, mode] : list(hooks.get())) {
    if (name.ends_with(".sample") && S_ISREG(mode)) continue;
    data.is_plain = false;
    data.digest += name + '\0' + content_or_stamp(hooks.get(), name) + '\0';
  }
}

// `folder` holds git's data: HEAD, config, hooks and so on.
void add_git_data(int folder, int depth, GitData& data) {
  const auto entries = list(folder);
  for (const auto& [name, mode] : entries) {
    if (is_one_of(name, " config config.worktree commondir ")) {
      const std::optional<std::string> text = read_small(folder, name);
      const bool is_config = name == "config" && S_ISREG(mode) && text.has_value();
      data.is_plain = data.is_plain && is_config && is_plain_config(*text);
      data.digest += name + '\0' + content_or_stamp(folder, name) + '\0';
    } else if (name == "hooks") {
      add_hooks(folder, data);
    } else if (name == "modules") {
      data.is_plain = false;
      const Descriptor modules(::openat(folder, "modules", kFolderFlags));
      if (!modules.is_open() || depth >= kDepthMax) continue;
      for (const auto& [module, ignored] : list(modules.get())) {
        const Descriptor inner(::openat(modules.get(), module.c_str(), kFolderFlags));
        data.digest += module + '\0';
        if (inner.is_open()) add_git_data(inner.get(), depth + 1, data);
      }
    } else if (!is_one_of(name, " HEAD FETCH_HEAD ORIG_HEAD COMMIT_EDITMSG branches description"
                                " index info logs objects packed-refs refs shallow ")) {
      data.is_plain = false;
    }
  }
}

// The .git of a folder, whatever it is.
GitData look_at_git(int folder, mode_t mode) {
  GitData data;
  if (!S_ISDIR(mode)) {
    data.is_plain = false;
    data.digest = content_or_stamp(folder, ".git");
    return data;
  }
  const Descriptor git(::openat(folder, ".git", kFolderFlags));
  if (!git.is_open()) {
    data.is_plain = false;
  } else if (list(git.get()).contains("HEAD")) {  // else git does not take it for a repository
    add_git_data(git.get(), 0, data);
  }
  return data;
}

bool has_git_layout(const std::map<std::string, mode_t>& entries) {
  return entries.contains("HEAD") && entries.contains("objects") && entries.contains("refs");
}

using Visit = std::function<void(int folder, const std::string& prefix,
                                 const std::map<std::string, mode_t>& entries)>;

// Every folder beneath `folder` but .git, each opened in the one above. `prefix`: "" or "a/b/".
void walk(int folder, const std::string& prefix, int depth, const Visit& visit) {
  const auto entries = list(folder);
  visit(folder, prefix, entries);
  if (depth >= kDepthMax) return;
  for (const auto& [name, mode] : entries) {
    if (!S_ISDIR(mode) || name == ".git") continue;
    const Descriptor inner(::openat(folder, name.c_str(), kFolderFlags));
    if (inner.is_open()) walk(inner.get(), prefix + name + "/", depth + 1, visit);
  }
}

void walk(const tools::Workspace& workspace, const Visit& visit) {
  const Descriptor root(::open(workspace.root().c_str(), kFolderFlags));
  if (root.is_open()) walk(root.get(), "", 0, visit);
}

// Calls found(folder, path, what, data) for each git folder; `what` is ".git" or, for a folder that
// is one itself, "HEAD".
template <typename Use>
void each_git(int folder, const std::string& prefix, const std::map<std::string, mode_t>& entries,
              const Use& use) {
  const auto git = entries.find(".git");
  // The root's own is closed to commands.
  if (git != entries.end() && !prefix.empty()) {
    use(prefix + ".git", ".git", look_at_git(folder, git->second));
  }
  if (has_git_layout(entries) && !(prefix.empty() && git != entries.end())) {
    GitData data;
    add_git_data(folder, 0, data);
    use(prefix + "HEAD", "HEAD", data);
  }
}

// Through the opened folder, so that no link that takes its place leads elsewhere.
fs::path place_in(int folder, const std::string& name) {
  return fs::path("/proc/self/fd") / std::to_string(folder) / name;
}

std::string rename_aside(int folder, const std::string& name) {
  for (int i = 1; i < 100; ++i) {
    const std::string aside = name + "-set-aside-" + std::to_string(i);
    if (::faccessat(folder, aside.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) continue;
    return ::renameat(folder, name.c_str(), folder, aside.c_str()) == 0 ? aside : "";
  }
  return "";
}

bool clear_bits(int folder, const std::string& name) {
  const Descriptor file(::openat(folder, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status;
  if (!file.is_open() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return false;
  }
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  return ::chmod(path.c_str(), status.st_mode & 01777) == 0;
}

}  // namespace

LeftBehind::LeftBehind(const tools::Workspace& workspace)
    : workspace_(workspace), protected_list_(nested_git_folders(workspace)) {
  for (const fs::path& path : protected_list_) {
    protected_.insert(path.lexically_relative(workspace.shown_as()).string());
  }
  walk(workspace_, [this](int folder, const std::string& prefix, const auto& entries) {
    each_git(folder, prefix, entries,
             [this](const std::string& path, const std::string&, const GitData& data) {
               digests_.emplace(path, data.digest);
             });
    for (const auto& [name, mode] : entries) {
      if (S_ISREG(mode) && (mode & kIdBits) != 0) with_bits_.insert(prefix + name);
    }
  });
}

std::vector<std::string> LeftBehind::clear() {
  std::vector<std::string> done;
  walk(workspace_, [&](int folder, const std::string& prefix, const auto& entries) {
    each_git(folder, prefix, entries,
             [&](const std::string& path, const std::string& name, const GitData& data) {
      const auto known = digests_.find(path);
      if (data.is_plain || protected_.contains(path)) return;
      if (known != digests_.end() && known->second == data.digest) return;
      if (name == ".git" && known != digests_.end()) {
        const std::string aside = rename_aside(folder, name);
        done.push_back(path + " was changed so that it may run programs on the host: " +
                       (aside.empty() ? "it could not be renamed, do not use git there"
                                      : "renamed to " + prefix + aside));
        return;
      }
      if (name == ".git") {
        remove_tree(place_in(folder, name));
      } else {
        ::unlinkat(folder, name.c_str(), 0);
      }
      const bool is_gone = ::faccessat(folder, name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0;
      done.push_back(path + " is new and may run programs on the host when git is used there: " +
                     (is_gone ? "removed" : "it could not be removed, do not use git there"));
    });
    for (const auto& [name, mode] : entries) {
      if (!S_ISREG(mode) || (mode & kIdBits) == 0 || with_bits_.contains(prefix + name)) continue;
      done.push_back(prefix + name + " had set-user-id or set-group-id bits: " +
                     (clear_bits(folder, name) ? "cleared" : "they could not be cleared"));
    }
  });
  cleared_.insert(cleared_.end(), done.begin(), done.end());
  return done;
}

}  // namespace corvid::runtime
