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

constexpr std::array<std::string_view, 5> kCacheFolders = {"__pycache__", "node_modules", "venv",
                                                           "site-packages", "__pypackages__"};

struct Walk {
  std::filesystem::path root;
  bool has_git = false;
  size_t count_max = 0;
  int entries_seen = 0;
  std::vector<std::string> files;

  bool is_full() const { return files.size() >= count_max || entries_seen > kEntriesMax; }

  bool is_skipped_folder(const std::string& name, const std::string& path) const {
    if (name == ".git") return true;
    if (has_git) return false;
    if (name.starts_with('.') || name.ends_with(".egg-info")) return true;
    if (std::ranges::find(kCacheFolders, name) != kCacheFolders.end()) return true;
    std::error_code error;
    return std::filesystem::exists(root / path / "pyvenv.cfg", error);
  }

  void add_rules(IgnoreRules& rules, const std::string& folder, const std::string& file) const {
    const ReadResult text = read_beneath(root, file, kIgnoreBytesMax);
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
    for (std::filesystem::directory_iterator it(root / folder, error), end; !error && it != end;
         it.increment(error)) {
      if (++entries_seen > kEntriesMax) break;
      std::error_code ignored;
      const std::filesystem::file_type type = it->symlink_status(ignored).type();
      const bool is_folder = type == std::filesystem::file_type::directory;
      if (is_folder || type == std::filesystem::file_type::regular) {
        entries.push_back({it->path().filename().string(), is_folder});
      }
    }
    std::ranges::sort(entries, {}, &Found::name);
    for (const Found& entry : entries) {
      if (is_full()) return;
      const std::string path = folder.empty() ? entry.name : folder + "/" + entry.name;
      if (rules.is_ignored(path, entry.is_folder)) continue;
      if (!entry.is_folder) {
        if (entry.name != ".git") files.push_back(path);
      } else if (!is_skipped_folder(entry.name, path)) {
        visit(path, rules, depth + 1);
      }
    }
  }
};

}  // namespace

std::vector<std::string> walk_files(const std::filesystem::path& root, int count_max) {
  Walk walk;
  walk.root = root;
  walk.count_max = size_t(std::max(count_max, 0));
  std::error_code error;
  walk.has_git = std::filesystem::exists(std::filesystem::symlink_status(root / ".git", error));
  IgnoreRules rules;
  walk.add_rules(rules, "", ".git/info/exclude");
  walk.visit("", std::move(rules), 0);
  std::ranges::sort(walk.files);
  return walk.files;
}

}  // namespace corvid::tools
