#pragma once

#include <filesystem>
#include <string>

namespace corvid {

// Removes `path` and all beneath it, also folders that nobody may write in; what cannot be removed
// stays.
void remove_tree(const std::filesystem::path& path);

// The rest of one open file to another; shares blocks where the file system can. Throws io, naming
// `name`.
void copy_content(int from, int to, const std::string& name);

// Copies one file with its mode and modification time (build tools compare times). Symbolic links
// are copied as links. `to` must not exist.
void copy_file_exact(const std::filesystem::path& from, const std::filesystem::path& to);

// The same where both files can share their blocks. False: they cannot, and nothing was made.
bool clone_file_exact(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace corvid
