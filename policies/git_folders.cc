#include "policies/git_folders.h"

#include <string>

#include "runtime/base/files.h"
#include "runtime/base/text.h"
#include "sandbox/profile.h"

namespace corvid::policies {
namespace {

namespace fs = std::filesystem;
constexpr int64_t kPointerBytesMax = 65536;

// The first line of a small file; empty when there is no such file.
std::string first_line(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(fs::symlink_status(path, error))) return "";
  if (fs::file_size(path, error) > static_cast<uintmax_t>(kPointerBytesMax) || error) return "";
  const std::string text = read_file(path, kPointerBytesMax);
  return std::string(trim(std::string_view(text).substr(0, text.find('\n'))));
}

// A .git file may come with a project that somebody packed: it must not open any folder it likes.
bool is_git_data(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / "HEAD", ignored) &&
         (fs::is_regular_file(folder / "commondir", ignored) ||
          fs::is_directory(folder / "objects", ignored));
}

}  // namespace

std::vector<fs::path> git_folders_outside(const fs::path& workspace) {
  std::vector<fs::path> folders;
  constexpr std::string_view kKey = "gitdir: ";
  const std::string line = first_line(workspace / ".git");
  if (!line.starts_with(kKey)) return folders;
  std::error_code error;
  const fs::path own = fs::canonical(workspace / line.substr(kKey.size()), error);
  if (error || !is_git_data(own)) return folders;
  if (!sandbox::is_beneath(own, workspace)) folders.push_back(own);
  const std::string common = first_line(own / "commondir");
  if (common.empty()) return folders;
  const fs::path shared = fs::canonical(own / common, error);
  if (!error && is_git_data(shared) && !sandbox::is_beneath(shared, workspace)) {
    folders.push_back(shared);
  }
  return folders;
}

}  // namespace corvid::policies
