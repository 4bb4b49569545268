#include "runtime/trust.h"

#include <algorithm>
#include <map>
#include <optional>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kFileBytesMax = 16 << 20;
constexpr size_t kFilesMax = 1000;

fs::path store_path(const Paths& paths) { return paths.data / "trust.json"; }

Json read_store(const Paths& paths) {
  if (!fs::exists(store_path(paths))) return Json::object();
  return parse_json(read_file(store_path(paths)), store_path(paths).string());
}

bool is_plain(const fs::path& path, fs::file_type type) {
  std::error_code error;
  return fs::symlink_status(path, error).type() == type;
}

// Nothing for a folder that is too large.
std::optional<std::string> folder_digest(const fs::path& folder) {
  std::map<std::string, std::string> files;
  int64_t bytes_left = kFileBytesMax;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).string();
    if (entry.is_symlink()) {
      files[name] = "link " + fs::read_symlink(entry.path()).string();
    } else if (entry.is_regular_file()) {
      bytes_left -= int64_t(entry.file_size());
      if (bytes_left < 0 || files.size() >= kFilesMax) return std::nullopt;
      files[name] = "file " + sha256_hex(read_file(entry.path(), kFileBytesMax));
    }
  }
  std::string all;
  for (const auto& [name, content] : files) all += name + '\0' + content + '\n';
  return sha256_hex(all);
}

}  // namespace

std::vector<ProjectPart> project_parts(const Paths& paths, const fs::path& workspace) {
  std::vector<ProjectPart> parts;
  const auto add_folder = [&](const std::string& name) {
    if (const auto digest = folder_digest(workspace / name)) {
      parts.push_back({name, *digest, false});
    } else {
      log::warning("trust", "a folder is too large to be trusted", {{"folder", name}});
    }
  };
  const bool has_own = is_plain(workspace / ".corvid", fs::file_type::directory);
  if (has_own && is_plain(workspace / kProjectConfig, fs::file_type::regular)) {
    parts.push_back({kProjectConfig,
                     sha256_hex(read_file(workspace / kProjectConfig, kFileBytesMax)), false});
  }
  if (has_own && is_plain(workspace / kProjectHooks, fs::file_type::directory)) {
    add_folder(kProjectHooks);
  }
  const fs::path skills = fs::path(".agents") / "skills";
  if (is_plain(workspace / ".agents", fs::file_type::directory) &&
      is_plain(workspace / skills, fs::file_type::directory)) {
    for (const auto& entry : fs::directory_iterator(workspace / skills)) {
      if (!is_plain(entry.path(), fs::file_type::directory)) continue;
      if (!is_plain(entry.path() / "SKILL.md", fs::file_type::regular)) continue;
      add_folder((skills / entry.path().filename()).string());
    }
  }
  const Json store = read_store(paths);
  for (ProjectPart& part : parts) {
    if (!store.contains(workspace.string())) break;
    const Json& trusted = store.at(workspace.string());
    part.is_trusted = json_string_or(trusted, part.path.c_str(), "") == part.digest;
  }
  std::sort(parts.begin(), parts.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  return parts;
}

void set_trust(const Paths& paths, const fs::path& workspace, std::span<const ProjectPart> parts) {
  fs::create_directories(paths.data);
  const FileLock lock(paths.data / "trust.lock", "another process changes what is trusted");
  Json store = read_store(paths);
  Json trusted = Json::object();
  for (const ProjectPart& part : parts) trusted[part.path] = part.digest;
  store[workspace.string()] = trusted;
  write_file_atomic(store_path(paths), dump_json(store) + "\n");
}

}  // namespace corvid::runtime
