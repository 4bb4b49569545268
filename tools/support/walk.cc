#include "tools/support/walk.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "tools/support/beneath.h"
#include "tools/support/ignore.h"

namespace corvid::tools {
namespace {

constexpr int kDepthMax = 64;
constexpr int kEntriesMax = 400'000;
constexpr int64_t kIgnoreBytesMax = 1 << 20;

namespace fs = std::filesystem;

// What tools put beside a project's files, and other version control systems' data. Other folders
// that begin with a dot hold settings, which belong to the project.
constexpr auto kCacheFolders = std::to_array<std::string_view>(
    {"__pycache__",   "node_modules", "venv",         "site-packages", "__pypackages__",
     ".bundle",       ".cache",       ".ccache",      ".dart_tool",    ".direnv",
     ".eggs",         ".gradle",      ".hg",          ".hypothesis",   ".ipynb_checkpoints",
     ".mypy_cache",   ".next",        ".nox",         ".npm",          ".nuxt",
     ".nyc_output",   ".parcel-cache", ".pnpm-store", ".pytest_cache", ".pytype",
     ".ruff_cache",   ".sass-cache",  ".stack-work",  ".svelte-kit",   ".svn",
     ".terraform",    ".tox",         ".turbo",       ".venv",         ".virtualenv",
     ".zig-cache"});

struct Walk {
  fs::path root;
  std::string prefix;  // of the root in its repository's work tree: "" or "a/b/"
  bool has_git = false;
  size_t count_max = 0;
  int entries_seen = 0;
  std::vector<std::string> files;

  bool is_full() const { return files.size() >= count_max || entries_seen > kEntriesMax; }

  bool is_skipped_folder(const std::string& name, const std::string& path) const {
    if (name == ".git") return true;
    if (has_git) return false;
    if (name.ends_with(".egg-info")) return true;
    if (std::ranges::find(kCacheFolders, name) != kCacheFolders.end()) return true;
    std::error_code error;
    return fs::exists(root / path / "pyvenv.cfg", error);
  }

  void add_rules(IgnoreRules& rules, const std::string& folder, const std::string& file) const {
    const std::string base = prefix + folder;
    add_file(rules, base.substr(0, base.find_last_not_of('/') + 1), root, file);
  }

  // The rules of the repository above `shown_as`, if there is one: of each folder from its root to
  // the one above the workspace. One that excludes the workspace as a whole says nothing about it.
  IgnoreRules rules_above(const fs::path& shown_as) {
    IgnoreRules none, rules;
    fs::path top = shown_as.parent_path();
    while (!is_repository(top)) {
      if (top == top.root_path() || top.empty()) return none;
      top = top.parent_path();
    }
    const fs::path inside = shown_as.lexically_relative(top);
    add_file(rules, "", top, ".git/info/exclude");
    std::string folder;
    for (const fs::path& part : inside) {
      add_file(rules, folder, top, folder.empty() ? ".gitignore" : folder + "/.gitignore");
      folder += (folder.empty() ? "" : "/") + part.string();
      if (rules.is_ignored(folder, true)) return none;
    }
    prefix = folder + "/";
    has_git = true;
    return rules;
  }

  static bool is_repository(const fs::path& folder) {
    std::error_code error;
    const fs::path git = folder / ".git";
    return fs::is_regular_file(git, error) || fs::exists(git / "HEAD", error);
  }

  static void add_file(IgnoreRules& rules, const std::string& folder, const fs::path& top,
                       const std::string& file) {
    const ReadResult text = read_beneath(top, file, kIgnoreBytesMax);
    if (text.outcome == ReadOutcome::ok) rules.add(folder, text.content);
  }

  // `folder` relative to the root, "" for the root.
  void visit(const std::string& folder, IgnoreRules rules, int depth) {
    if (depth > kDepthMax) return;
    add_rules(rules, folder, folder.empty() ? ".gitignore" : folder + "/.gitignore");
    struct Found {
      std::string name;
      bool is_folder;
    };
    std::vector<Found> entries;
    std::error_code error;
    for (fs::directory_iterator it(root / folder, error), end; !error && it != end;
         it.increment(error)) {
      if (++entries_seen > kEntriesMax) break;
      std::error_code ignored;
      const fs::file_type type = it->symlink_status(ignored).type();
      const bool is_folder = type == fs::file_type::directory;
      if (is_folder || type == fs::file_type::regular) {
        entries.push_back({it->path().filename().string(), is_folder});
      }
    }
    std::ranges::sort(entries, {}, &Found::name);
    for (const Found& entry : entries) {
      if (is_full()) return;
      const std::string path = folder.empty() ? entry.name : folder + "/" + entry.name;
      if (rules.is_ignored(prefix + path, entry.is_folder)) continue;
      if (!entry.is_folder) {
        if (entry.name != ".git") files.push_back(path);
      } else if (!is_skipped_folder(entry.name, path)) {
        visit(path, rules, depth + 1);
      }
    }
  }
};

}  // namespace

std::vector<std::string> walk_files(const fs::path& root, const fs::path& shown_as,
                                    int count_max) {
  Walk walk;
  walk.root = root;
  walk.count_max = size_t(std::max(count_max, 0));
  std::error_code error;
  walk.has_git = fs::exists(fs::symlink_status(root / ".git", error));
  IgnoreRules rules;
  if (!walk.has_git) rules = walk.rules_above(shown_as);
  walk.add_rules(rules, "", ".git/info/exclude");
  walk.visit("", std::move(rules), 0);
  std::ranges::sort(walk.files);
  return walk.files;
}

}  // namespace corvid::tools
