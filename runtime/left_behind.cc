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

#include "runtime/base/files.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/descriptor.h"
#include "runtime/kept_files.h"
#include "sandbox/profile.h"

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

bool is_one_of(std::string_view name, std::string_view names) {  // a space around each
  return names.find(" " + std::string(name) + " ") != std::string_view::npos;
}

// Keys that name no program and no file, by section; spaces around each key.
constexpr std::pair<std::string_view, std::string_view> kHarmless[] = {
    {"branch", " remote merge rebase pushremote description autosetupmerge autosetuprebase sort "},
    {"commit", " verbose cleanup status "},
    {"core",
     " repositoryformatversion filemode bare logallrefupdates ignorecase precomposeunicode symlinks"
     " autocrlf eol safecrlf abbrev quotepath compression loosecompression bigfilethreshold"
     " checkstat trustctime untrackedcache preloadindex sparsecheckout sparsecheckoutcone"
     " longpaths "},
    {"diff", " algorithm renames renamelimit mnemonicprefix colormoved context submodule "},
    {"extensions", " objectformat partialclone "},
    {"fetch", " prune prunetags parallel writecommitgraph recursesubmodules "},
    {"gc",
     " auto autodetach autopacklimit pruneexpire reflogexpire reflogexpireunreachable"
     " worktreepruneexpire packrefs aggressivedepth aggressivewindow "},
    {"index", " version threads "},
    {"init", " defaultbranch "},
    {"log", " date decorate abbrevcommit follow "},
    {"merge", " conflictstyle ff renames renamelimit stat log "},
    {"pull", " rebase ff "},
    {"push", " default autosetupremote followtags recursesubmodules "},
    {"rebase", " autostash autosquash updaterefs stat "},
    {"remote", " url pushurl fetch push tagopt prune mirror promisor partialclonefilter "},
    {"rerere", " enabled autoupdate "},
    {"status", " short branch showuntrackedfiles submodulesummary "},
    {"submodule", " url active branch ignore shallow recurse fetchrecursesubmodules "},
    {"tag", " sort "},
    {"user", " name email useconfigonly "},
};

bool is_harmless(std::string_view section, std::string_view key, std::string_view value) {
  if (section == "advice" || section == "color" || section == "column") return true;
  const bool has_place = is_one_of(section, " remote branch submodule ");
  if (has_place && (value.find("::") != std::string_view::npos ||  // names a program
                    value.find_first_of("\"\\") != std::string_view::npos)) {
    return false;
  }
  const auto* const found = std::ranges::find(kHarmless, section, [](const auto& each) {
    return each.first;
  });
  return found != std::end(kHarmless) && is_one_of(key, found->second);
}

// Whether a git configuration holds nothing but what git init, clone and the like write into it.
// Includes, continued lines and all that is not understood are more than that. `is_inside` tells
// whether a work tree that it names is a folder of the workspace.
bool is_plain_config(std::string_view text,
                     const std::function<bool(std::string_view)>& is_inside) {
  std::string section;
  for (std::string_view line : split_lines(text)) {
    line = trim(line);
    if (line.starts_with('[')) {
      const size_t end = line.find(']');
      if (end == line.npos) return false;
      section = lower_case(line.substr(1, line.find_first_of(" \t.]") - 1));
      line = trim(line.substr(end + 1));
    }
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line.ends_with('\\')) return false;
    const size_t sign = std::min(line.find('='), line.size());
    const std::string key = lower_case(trim(line.substr(0, sign)));
    const std::string_view value = trim(line.substr(std::min(sign + 1, line.size())));
    if (section == "core" && key == "worktree" && is_inside(value)) continue;
    if (!is_harmless(section, key, value)) return false;
  }
  return true;
}

// A folder of the workspace, reached without a link.
bool is_folder_in(const fs::path& root, const fs::path& path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  return !error && real == path.lexically_normal() && sandbox::is_beneath(real, root) &&
         fs::is_directory(real, error);
}

// What git data can make git do.
struct GitData {
  const fs::path& root;     // of the workspace
  bool is_plain = true;     // nothing but what git init, clone and commit leave
  std::string digest = {};  // of all that names or is a program
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

void add_git_data(int folder, const fs::path& at, int depth, GitData& data);

// Git data of submodules, by their names, which may be paths.
void add_modules(int folder, const fs::path& at, int depth, GitData& data) {
  if (depth >= kDepthMax) data.is_plain = false;
  if (depth >= kDepthMax) return;
  for (const auto& [name, mode] : list(folder)) {
    const Descriptor inner(::openat(folder, name.c_str(), kFolderFlags));
    data.digest += name + '\0';
    if (!inner.is_open()) {
      data.is_plain = false;
    } else if (list(inner.get()).contains("HEAD")) {
      add_git_data(inner.get(), at / name, depth + 1, data);
    } else {
      add_modules(inner.get(), at / name, depth + 1, data);
    }
  }
}

// `folder`, which is `at`, holds git's data: HEAD, config, hooks and so on.
void add_git_data(int folder, const fs::path& at, int depth, GitData& data) {
  for (const auto& [name, mode] : list(folder)) {
    if (is_one_of(name, " config config.worktree commondir ")) {
      const std::optional<std::string> text = read_small(folder, name);
      const bool is_config = name == "config" && S_ISREG(mode) && text.has_value();
      const auto is_inside = [&](std::string_view tree) {
        const bool is_literal = tree.find_first_of("\"\\#;") == std::string_view::npos;
        return is_literal && is_folder_in(data.root, at / fs::path(tree));
      };
      data.is_plain = data.is_plain && is_config && is_plain_config(*text, is_inside);
      data.digest += name + '\0' + content_or_stamp(folder, name) + '\0';
    } else if (name == "hooks") {
      add_hooks(folder, data);
    } else if (name == "modules") {
      const Descriptor modules(::openat(folder, "modules", kFolderFlags));
      data.is_plain = data.is_plain && modules.is_open();
      if (modules.is_open()) add_modules(modules.get(), at / "modules", depth, data);
    } else if (!is_one_of(name, " HEAD FETCH_HEAD ORIG_HEAD MERGE_HEAD MERGE_MODE MERGE_MSG"
                                " AUTO_MERGE SQUASH_MSG CHERRY_PICK_HEAD REVERT_HEAD TAG_EDITMSG"
                                " COMMIT_EDITMSG branches description gc.log index info logs"
                                " objects packed-refs refs rr-cache shallow ")) {
      data.is_plain = false;
    }
  }
}

// "gitdir: PATH", as a submodule has it: plain where the data lie in the workspace and are.
bool names_plain_data(const std::string& text, const fs::path& folder, const fs::path& root) {
  constexpr std::string_view kWord = "gitdir: ";
  if (!text.starts_with(kWord)) return false;
  std::string name = text.substr(kWord.size());
  while (name.ends_with('\n') || name.ends_with('\r')) name.pop_back();
  const fs::path at = (folder / name).lexically_normal();
  if (!is_folder_in(root, at)) return false;
  const Descriptor git(::open(at.c_str(), kFolderFlags));
  GitData data{root};
  if (git.is_open()) add_git_data(git.get(), at, 0, data);
  return git.is_open() && data.is_plain;
}

// The .git of a folder, whatever it is.
GitData look_at_git(int folder, const fs::path& at, mode_t mode, const fs::path& root) {
  GitData data{root};
  if (!S_ISDIR(mode)) {
    data.digest = content_or_stamp(folder, ".git");
    data.is_plain = S_ISREG(mode) && names_plain_data(data.digest, at, root);
    return data;
  }
  const Descriptor git(::openat(folder, ".git", kFolderFlags));
  if (!git.is_open()) {
    data.is_plain = false;
  } else if (list(git.get()).contains("HEAD")) {  // else git does not take it for a repository
    add_git_data(git.get(), at / ".git", 0, data);
  }
  return data;
}

// With commondir, all but HEAD is what lies in the folder that it names.
bool has_git_layout(const std::map<std::string, mode_t>& entries) {
  return entries.contains("HEAD") &&
         (entries.contains("commondir") ||
          (entries.contains("objects") && entries.contains("refs")));
}

using Visit = std::function<void(int folder, const std::string& prefix,
                                 const std::map<std::string, mode_t>& entries)>;

// Every folder beneath `folder` but .git, each opened in the one above. `prefix`: "" or "a/b/".
// Those at the depth limit are left in `deeper`, by their prefixes.
void walk(int folder, const std::string& prefix, int depth, const Visit& visit,
          std::vector<std::string>& deeper) {
  const auto entries = list(folder);
  visit(folder, prefix, entries);
  for (const auto& [name, mode] : entries) {
    if (!S_ISDIR(mode) || name == ".git") continue;
    const std::string inner_prefix = prefix + name + "/";
    if (depth >= kDepthMax) {
      deeper.push_back(inner_prefix);
      continue;
    }
    const Descriptor inner(::openat(folder, name.c_str(), kFolderFlags));
    if (inner.is_open()) walk(inner.get(), inner_prefix, depth + 1, visit, deeper);
  }
}

// The folder of a prefix, without following links; -1 where it is no more.
int open_prefix(const fs::path& root, const std::string& prefix) {
  int fd = ::open(root.c_str(), kFolderFlags);
  for (size_t at = 0; at < prefix.size() && fd >= 0;) {
    const size_t slash = prefix.find('/', at);
    const int inner = ::openat(fd, prefix.substr(at, slash - at).c_str(), kFolderFlags);
    ::close(fd);
    fd = inner;
    at = slash + 1;
  }
  return fd;
}

// However deep they lie, with few of them open at a time.
void walk(const tools::Workspace& workspace, const Visit& visit) {
  std::vector<std::string> left = {""};
  while (!left.empty()) {
    const std::string prefix = std::move(left.back());
    left.pop_back();
    const Descriptor folder(open_prefix(workspace.root(), prefix));
    if (folder.is_open()) walk(folder.get(), prefix, 0, visit, left);
  }
}

// Calls found(folder, path, what, data) for each git folder; `what` is ".git" or, for a folder that
// is one itself, "HEAD".
template <typename Use>
void each_git(const fs::path& root, int folder, const std::string& prefix,
              const std::map<std::string, mode_t>& entries, const Use& use) {
  const auto git = entries.find(".git");
  const fs::path at = (root / prefix).lexically_normal();
  // The root's own is closed to commands.
  if (git != entries.end() && !prefix.empty()) {
    use(prefix + ".git", ".git", look_at_git(folder, at, git->second, root));
  }
  if (has_git_layout(entries)) {
    GitData data{root};
    add_git_data(folder, at, 0, data);
    use(prefix + "HEAD", "HEAD", data);
  }
}

// Renames what makes git use the folder, and returns the new name; empty: it could not be. A .git
// gets into a folder of its own, where it is still called that, so that snapshots and undo leave it
// alone; without its HEAD it is no repository there.
std::string set_aside(int folder, const std::string& name) {
  const Descriptor git(::openat(folder, name.c_str(), kFolderFlags));
  if (git.is_open()) ::renameat(git.get(), "HEAD", git.get(), "HEAD-set-aside");
  for (int i = 1; i < 100; ++i) {
    const std::string aside = name + "-set-aside-" + std::to_string(i);
    if (::faccessat(folder, aside.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) continue;
    if (git.is_open() && ::mkdirat(folder, aside.c_str(), 0700) == 0) {
      const Descriptor place(::openat(folder, aside.c_str(), kFolderFlags));
      if (::renameat(folder, name.c_str(), place.get(), name.c_str()) == 0) {
        return aside + "/" + name;
      }
      ::unlinkat(folder, aside.c_str(), AT_REMOVEDIR);
    }
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

LeftBehind::LeftBehind(const tools::Workspace& workspace, fs::path record)
    : workspace_(workspace), record_(std::move(record)) {
  if (load()) {  // the run that wrote it has not ended
    for (const std::string& line : clear()) {
      log::warning("left_behind", line, {{"workspace", workspace_.root().string()}});
    }
    protected_.clear();
    digests_.clear();
    with_bits_.clear();
    end();
  }
  protected_list_ = nested_git_folders(workspace);
  for (const fs::path& path : protected_list_) {
    protected_.insert(path.lexically_relative(workspace.shown_as()).string());
  }
  walk(workspace_, [this](int folder, const std::string& prefix, const auto& entries) {
    each_git(workspace_.root(), folder, prefix, entries,
             [this](const std::string& path, const std::string&, const GitData& data) {
               digests_.emplace(path, sha256_hex(data.digest));
             });
    for (const auto& [name, mode] : entries) {
      if (S_ISREG(mode) && (mode & kIdBits) != 0) with_bits_.insert(prefix + name);
    }
  });
}

// One entry after the other, each "KIND VALUE PATH" and a zero byte.
void LeftBehind::begin() {
  if (is_recorded_ || record_.empty()) return;
  std::string text;
  for (const std::string& path : protected_) text += "protected - " + path + '\0';
  for (const auto& [path, digest] : digests_) text += "git " + digest + " " + path + '\0';
  for (const std::string& path : with_bits_) text += "bits - " + path + '\0';
  fs::create_directories(record_.parent_path());
  write_file_atomic(record_, text);
  is_recorded_ = true;
}

bool LeftBehind::load() {
  if (record_.empty() || !fs::exists(record_)) return false;
  const std::string text = read_file(record_);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\0', at), text.size());
    const std::string line = text.substr(at, end - at);
    const size_t kind = line.find(' '), value = line.find(' ', kind + 1);
    at = end + 1;
    if (value == std::string::npos) continue;
    const std::string path = line.substr(value + 1);
    if (line.starts_with("protected ")) protected_.insert(path);
    if (line.starts_with("git ")) digests_[path] = line.substr(kind + 1, value - kind - 1);
    if (line.starts_with("bits ")) with_bits_.insert(path);
  }
  return true;
}

void LeftBehind::end() {
  std::error_code error;
  if (!record_.empty()) fs::remove(record_, error);
  is_recorded_ = false;
}

std::vector<std::string> LeftBehind::clear() {
  std::vector<std::string> done;
  walk(workspace_, [&](int folder, const std::string& prefix, const auto& entries) {
    each_git(workspace_.root(), folder, prefix, entries,
             [&](const std::string& path, const std::string& name, const GitData& data) {
      const auto known = digests_.find(path);
      if (data.is_plain || protected_.contains(path)) return;
      const bool is_new = known == digests_.end();
      if (!is_new && known->second == sha256_hex(data.digest)) return;
      const std::string aside = set_aside(folder, name);
      done.push_back(path + (is_new ? " is new" : " was changed") +
                     " and may run programs on the host when git is used there: " +
                     (aside.empty() ? "it could not be renamed, do not use git there"
                                    : "renamed to " + prefix + aside +
                                          (aside.ends_with("/.git") ? ", and its HEAD to "
                                                                      "HEAD-set-aside"
                                                                    : "")));
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
