#include "policies/git_folders.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "runtime/base/files.h"

namespace corvid::policies {
namespace {

namespace fs = std::filesystem;

void put_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

}  // namespace

TEST_CASE("The git folders of a worktree lie outside of it") {
  const TempDir dir;
  const fs::path root = fs::canonical(dir.path());
  put_file(root / "main/.git/HEAD", "ref: refs/heads/main\n");
  fs::create_directories(root / "main/.git/objects");
  put_file(root / "main/.git/worktrees/side/HEAD", "ref: refs/heads/side\n");
  put_file(root / "main/.git/worktrees/side/commondir", "../..\n");
  put_file(root / "side/.git", "gitdir: " + (root / "main/.git/worktrees/side").string() + "\n");
  CHECK(git_folders_outside(root / "side") ==
        std::vector<fs::path>{root / "main/.git/worktrees/side", root / "main/.git"});
  CHECK(git_folders_outside(root / "main").empty());
  CHECK(git_folders_outside(root).empty());
}

TEST_CASE("A .git file opens nothing but git's data") {
  const TempDir dir;
  const fs::path root = fs::canonical(dir.path());
  put_file(root / "home/letter", "dear\n");
  put_file(root / "work/.git", "gitdir: ../home\n");
  CHECK(git_folders_outside(root / "work").empty());
  put_file(root / "work/.git", "gitdir: /nonexistent\n");
  CHECK(git_folders_outside(root / "work").empty());
}

}  // namespace corvid::policies
