#include "runtime/paths.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "sandbox/profile.h"
#include "tools/edit_candidates.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

fs::path from_environment(const char* variable, const char* beneath_home) {
  const char* value = std::getenv(variable);
  if (value != nullptr && value[0] == '/') return fs::path(value) / "corvid";
  const char* home = std::getenv("HOME");
  if (home == nullptr || home[0] != '/') {
    fail(Code::invalid, std::string("HOME is not set: set it, or ") + variable +
                            ", so that Corvid knows where its files are");
  }
  return fs::path(home) / beneath_home / "corvid";
}

}  // namespace

Paths find_paths() {
  Paths paths;
  paths.config = from_environment("XDG_CONFIG_HOME", ".config");
  paths.data = from_environment("XDG_DATA_HOME", ".local/share");
  paths.cache = from_environment("XDG_CACHE_HOME", ".cache");
  const char* shared = std::getenv("CORVID_SHARE");
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  paths.shared = shared != nullptr ? fs::path(shared)
                                   : program.parent_path().parent_path() / "share" / "corvid";
  return paths;
}

void refuse_own_folders(const Paths& paths, const fs::path& workspace) {
  for (const fs::path& own : {paths.data, paths.cache, paths.config}) {
    const fs::path place = fs::weakly_canonical(own);
    if (!sandbox::is_beneath(place, workspace) && !sandbox::is_beneath(workspace, place)) continue;
    fail(Code::invalid, "the workspace " + workspace.string() + " and Corvid's own folder " +
                            place.string() +
                            " lie in one another: choose another workspace, or set XDG_DATA_HOME, "
                            "XDG_CACHE_HOME and XDG_CONFIG_HOME to folders outside of it");
  }
}

namespace {

std::vector<fs::path> shared_folders(const Paths& paths) {
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  std::vector<fs::path> folders = {paths.models(), paths.shared};
  // In a build tree the program stands at SOURCE/build/PRESET/corvid.
  const fs::path source = program.parent_path().parent_path().parent_path();
  for (const fs::path& root : {source, program.parent_path().parent_path(),
                               source.parent_path()}) {
    folders.push_back(root / "examples" / "fledgling");
    folders.push_back(root / "examples" / "embedder");
  }
  return folders;
}

}  // namespace

std::optional<fs::path> seek_shared_file(const Paths& paths, const std::string& name) {
  std::error_code ignored;
  for (const fs::path& folder : shared_folders(paths)) {
    if (fs::exists(folder / name, ignored)) return folder / name;
  }
  return std::nullopt;
}

fs::path find_shared_file(const Paths& paths, const std::string& name) {
  if (const std::optional<fs::path> file = seek_shared_file(paths, name)) return *file;
  std::string tried;
  for (const fs::path& folder : shared_folders(paths)) tried += " " + folder.string();
  fail(Code::not_found, "no " + name + "; looked in" + tried);
}

std::map<std::string, fs::path> find_edit_tables(const Paths& paths) {
  std::map<std::string, fs::path> tables;
  for (const std::string& language : tools::edit_languages()) {
    tables[language] = find_shared_file(paths, language + ".tables");
  }
  return tables;
}

}  // namespace corvid::runtime
