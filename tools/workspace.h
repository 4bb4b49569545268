#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corvid::tools {

// A folder that an agent works in. `root` is where the files are; `shown_as` is the path at which
// commands in the sandbox see them (an attempt's copy appears at the workspace's own path). Every
// access stays beneath the root: no "..", no absolute path elsewhere, no symbolic link that leaves
// (openat2 RESOLVE_BENEATH).
class Workspace {
 public:
  // Refuses what must not be a workspace ("/", the home folder and those above it, folders in or
  // above one of credential_names(), a missing folder, the inside of a .git folder): invalid.
  explicit Workspace(std::filesystem::path root, std::filesystem::path shown_as = {});

  const std::filesystem::path& root() const { return root_; }  // free of symbolic links
  const std::filesystem::path& shown_as() const { return shown_as_; }

  // `path` as a model writes it ("src/a.py", "./a.py", or absolute beneath shown_as or root) ->
  // clean relative path, "." for the workspace itself. Throws invalid when it leaves the workspace.
  std::string relative(std::string_view path) const;

  // What an Action says about a relative path: absolute beneath shown_as, symbolic links resolved
  // as far as the path exists. Throws invalid when a link leaves the workspace.
  std::filesystem::path action_path(std::string_view relative_path) const;

  // Whole file; nullopt when there is none. Throws invalid for a folder, a device, or a link that
  // leaves, and for files above `bytes_max`.
  std::optional<std::string> read(std::string_view relative_path,
                                  int64_t bytes_max = 16 << 20) const;

  // Atomic replacement, keeping the mode; creates folders; a link to a file beneath the root stays
  // a link. Throws denied beneath .git, invalid as read() does, io.
  void write(std::string_view relative_path, std::string_view content) const;

  // Removes a file; nothing happens when there is none. Throws as write() does.
  void remove(std::string_view relative_path) const;

  // Regular files (links are not followed) in sorted order, at most `count_max`, without what the
  // .gitignore files and .git/info/exclude exclude and without .git itself; beneath a repository's
  // root, those of the folders above shown_as() count too, unless they exclude the workspace as a
  // whole. Outside of repositories, caches and virtual environments are left out.
  std::vector<std::string> files(int count_max = 20000) const;

 private:
  std::filesystem::path root_;
  std::filesystem::path shown_as_;
};

}  // namespace corvid::tools
