#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace corvid::runtime {

// Where Corvid keeps its files (XDG base directories). Nothing is created here.
struct Paths {
  std::filesystem::path config;  // $XDG_CONFIG_HOME/corvid
  std::filesystem::path data;    // $XDG_DATA_HOME/corvid
  std::filesystem::path cache;   // $XDG_CACHE_HOME/corvid
  std::filesystem::path shared;  // read-only files that are installed with the program

  std::filesystem::path settings() const { return config / "config.toml"; }
  std::filesystem::path sessions() const { return data / "sessions"; }
  std::filesystem::path memory() const { return data / "memory"; }
  std::filesystem::path models() const { return data / "models"; }
  std::filesystem::path snapshots() const { return data / "snapshots"; }
  std::filesystem::path scratch() const { return cache / "tmp"; }  // copies of a run under way
  std::filesystem::path stages() const { return cache / "stages"; }  // ... of a command
  std::filesystem::path state() const { return cache / "state"; }
};

// From the environment. Throws invalid when neither HOME nor the XDG variables are set.
Paths find_paths();

// Throws invalid, saying what to do, when `workspace` and Corvid's data or cache folder lie in one
// another: a run must not record, copy or let commands change what it keeps of itself.
void refuse_own_folders(const Paths& paths, const std::filesystem::path& workspace);

// The default model, the tables of suggest_edits, the embedder: CORVID_SHARE, else ../share/corvid
// beside the program, else the source tree that the program was built in. find_ throws not_found,
// naming the places; seek_ gives nullopt.
std::filesystem::path find_shared_file(const Paths& paths, const std::string& name);
std::optional<std::filesystem::path> seek_shared_file(const Paths& paths, const std::string& name);

// The tables of suggest_edits by their language, found likewise.
std::map<std::string, std::filesystem::path> find_edit_tables(const Paths& paths);

}  // namespace corvid::runtime
