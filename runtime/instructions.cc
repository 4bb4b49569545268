#include "runtime/instructions.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "runtime/base/files.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "sandbox/profile.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kFileBytesMax = 1 << 20;

// The repository's root and the folders below it on the way to the workspace.
std::vector<fs::path> folders_down_to(const fs::path& workspace) {
  std::vector<fs::path> folders;
  for (fs::path folder = workspace;; folder = folder.parent_path()) {
    folders.push_back(folder);
    std::error_code error;
    if (fs::exists(folder / ".git", error)) {
      std::reverse(folders.begin(), folders.end());
      return folders;
    }
    if (folder == folder.parent_path()) return {workspace};
  }
}

std::optional<std::string> read_beneath_root(const fs::path& file, const fs::path& root) {
  std::error_code error;
  const fs::path real = fs::canonical(file, error);
  if (error || !fs::is_regular_file(real, error)) return std::nullopt;
  if (!sandbox::is_beneath(real, root)) {
    log::warning("instructions", "a link leaves the repository and is not followed",
                 {{"file", file.string()}});
    return std::nullopt;
  }
  if (fs::file_size(real, error) > uintmax_t(kFileBytesMax) || error) {
    log::warning("instructions", "above 1 MiB, not read", {{"file", file.string()}});
    return std::nullopt;
  }
  return to_utf8(read_file(real, kFileBytesMax));
}

void append(std::string& text, const std::string& name, std::string_view content) {
  content = trim(content);
  if (content.empty()) return;
  if (!text.empty()) text += "\n\n";
  text += "Instructions from " + name + ":\n\n";
  text += content;
}

}  // namespace

std::string project_instructions(const fs::path& workspace, const fs::path& user_file) {
  std::string text;
  if (const auto own = read_beneath_root(user_file, "/")) append(text, user_file.string(), *own);
  const std::vector<fs::path> folders = folders_down_to(workspace);
  for (const fs::path& folder : folders) {
    for (const char* name : {"AGENTS.override.md", "AGENTS.md"}) {
      const auto content = read_beneath_root(folder / name, folders.front());
      if (!content) continue;
      const fs::path shown = (folder / name).lexically_relative(folders.front());
      append(text, shown.string(), *content);
      break;
    }
  }
  if (text.size() <= kInstructionBytesMax) return text;
  static constexpr std::string_view kCut = "\n[... cut at 32 KiB ...]";
  log::warning("instructions", "longer than 32 KiB, cut", {{"bytes", std::to_string(text.size())}});
  return std::string(truncate_utf8(text, kInstructionBytesMax - kCut.size())).append(kCut);
}

}  // namespace corvid::runtime
