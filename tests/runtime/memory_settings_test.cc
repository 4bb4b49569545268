#include "runtime/memory_settings.h"

#include <catch2/catch.hpp>

#include "runtime/base/error.h"
#include "runtime/base/files.h"

using namespace corvid;
using namespace corvid::runtime;

namespace {

MemorySettings read_in(const std::filesystem::path& folder) {
  Paths paths;
  paths.config = folder;
  return read_memory_settings(paths);
}

MemorySettings read(const std::string& config) {
  const TempDir folder;
  write_file_atomic(folder.path() / "config.toml", config);
  return read_in(folder.path());
}

std::string error_of(const std::string& config) {
  try {
    read(config);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("Memory's settings come from [memory] of config.toml") {
  const TempDir empty;
  CHECK(read_in(empty.path()).embedder == "built-in");
  CHECK(read("[other]\nkey = 1\n").durability == memory::Durability::full);
  const MemorySettings settings =
      read("[memory]\nembedder = \"none\"\ndurability = \"normal\"\n");
  CHECK(settings.embedder == "none");
  CHECK(settings.durability == memory::Durability::normal);
  CHECK(read("[memory]\nstore = \"postgresql://a@b/c\"\n").store == "postgresql://a@b/c");
  CHECK(read("[memory]\nstore = \"/srv/memory\"\n").store == "/srv/memory");
  CHECK(read("[memory]\nembedder = \"none\"\n").store == Paths().memory().string());
  CHECK(settings.model.empty());
  CHECK_FALSE(settings.consolidates_after_runs);
  const MemorySettings told =
      read("[memory]\nconsolidate = \"after-runs\"\nmodel = \"scripted:x\"\n");
  CHECK(told.model == "scripted:x");
  CHECK(told.consolidates_after_runs);
}

TEST_CASE("What is wrong in config.toml is named with its line") {
  CHECK(error_of("[memory]\nembeder = \"none\"\n").find("line 2") != std::string::npos);
  CHECK(error_of("[memory]\nembeder = \"none\"\n").find("embedder =") != std::string::npos);
  CHECK(error_of("[memory]\nconsolidate = \"after-runs\"\n").find("model =") !=
        std::string::npos);
  CHECK(error_of("\nmemory = 1\n").find("line 2") != std::string::npos);
  CHECK(error_of("[memory]\ndurability = \"perhaps\"\n").find("\"normal\"") != std::string::npos);
  const std::string relative = error_of("[memory]\nstore = \"mysql://a:secret@b\"\n");
  CHECK(relative.find("absolute folder") != std::string::npos);
  CHECK(relative.find("secret") == std::string::npos);
  CHECK(error_of("[memory]\nembedder = 1\n").find("line 2") != std::string::npos);
  CHECK(error_of("[memory\n").find("line 1") != std::string::npos);
}
