#include <catch2/catch.hpp>

#include <random>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/clean_copy.h"
#include "runtime/snapshot.h"
#include "runtime/verify.h"

using namespace corvid;
using namespace corvid::runtime;
namespace fs = std::filesystem;

namespace {

void put(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  write_file_atomic(path, text);
}

}  // namespace

TEST_CASE("a restored snapshot equals the workspace that was taken") {
  const TempDir dir, shadow;
  const fs::path root = dir.path();
  put(root / "a.txt", "one\n");
  put(root / "b" / "c.txt", "two\r\n");
  put(root / "b-d", "beside the folder");
  put(root / "run.sh", "#!/bin/sh\n");
  fs::permissions(root / "run.sh", fs::perms(0755));
  fs::create_symlink("a.txt", root / "link");
  put(root / ".git" / "config", "the user's own");
  SnapshotStore store(shadow.path() / "s.git", root);
  const Snapshot before = store.take();
  CHECK(before.files.size() == 5);
  CHECK_FALSE(before.files.contains(".git/config"));

  put(root / "a.txt", "changed\n");
  fs::remove_all(root / "b");
  put(root / "b", "a file where a folder was");
  put(root / "new" / "deep" / "file", "x");
  fs::remove(root / "link");
  put(root / "link", "a file where a link was");
  fs::permissions(root / "run.sh", fs::perms(0644));
  const Snapshot after = store.take();
  CHECK(changed_paths(before, after) ==
        std::vector<std::string>{"a.txt", "b", "b/c.txt", "link", "new/deep/file", "run.sh"});
  CHECK(snapshot_diff(store, before, after).find("-one\n+changed\n") != std::string::npos);

  store.restore(store.load(before.tree));
  CHECK(store.take().tree == before.tree);
  CHECK(read_file(root / "b" / "c.txt") == "two\r\n");
  CHECK(fs::is_symlink(root / "link"));
  CHECK_FALSE(fs::exists(root / "new"));
  CHECK(read_file(root / ".git" / "config") == "the user's own");
}

TEST_CASE("files above the limit are named and left alone") {
  const TempDir dir, shadow;
  put(dir.path() / "big", std::string(100, 'x'));
  put(dir.path() / "small", "y");
  SnapshotStore store(shadow.path() / "s.git", dir.path(), {.file_bytes_max = 50});
  const Snapshot before = store.take();
  REQUIRE(before.left_out.size() == 1);
  CHECK(before.left_out[0].starts_with("big "));
  put(dir.path() / "small", "z");
  store.restore(before);
  CHECK(read_file(dir.path() / "small") == "y");
  CHECK(fs::exists(dir.path() / "big"));
}

TEST_CASE("random trees survive take and restore") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const TempDir dir, shadow;
  SnapshotStore store(shadow.path() / "s.git", dir.path());
  std::vector<Snapshot> taken;
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 8; ++i) {
      const fs::path path = dir.path() / std::string(1, char('a' + random() % 4)) /
                            std::string(1, char('a' + random() % 4));
      if (random() % 3 == 0)
        fs::remove_all(random() % 2 ? path : path.parent_path());
      else
        put(path, std::to_string(random()));
    }
    taken.push_back(store.take());
    const Snapshot& target = taken[random() % taken.size()];
    store.restore(target);
    CHECK(store.take().tree == target.tree);
  }
}

TEST_CASE("a clean copy has kept files as they are and ignored ones as they were") {
  const TempDir dir;
  const fs::path root = dir.path() / "w";
  put(root / ".gitignore", "cache/\n*.log\n");
  put(root / "src.py", "one");
  put(root / "cache" / "old", "as it was");
  const tools::Workspace workspace(root);
  const IgnoredFiles ignored(workspace);
  put(root / "src.py", "two");
  put(root / "cache" / "old", "changed by the run");
  put(root / "cache" / "new", "made by the run");
  put(root / "x.log", "made by the run");
  put(root / "new.py", "unignored");
  const CleanCopy copy(workspace, ignored);
  CHECK(read_file(copy.root() / "src.py") == "two");
  CHECK(read_file(copy.root() / "cache" / "old") == "as it was");
  CHECK_FALSE(fs::exists(copy.root() / "cache" / "new"));
  CHECK_FALSE(fs::exists(copy.root() / "x.log"));
  CHECK(fs::exists(copy.root() / "new.py"));
  CHECK(fs::last_write_time(copy.root() / "src.py") == fs::last_write_time(root / "src.py"));
}

TEST_CASE("test and build files are known by their names") {
  for (const char* path : {"tests/a.py", "test_x.py", "pkg/x_test.py", "conftest.py", "setup.cfg",
                           "Makefile", "a/b/CMakeLists.txt", "package.json", "src/x.test.ts"}) {
    CHECK(is_test_or_build_file(path));
  }
  for (const char* path :
       {"pkg/mod.py", "contest.py", "latest.py", "src/testament.cc", "README.md"}) {
    CHECK_FALSE(is_test_or_build_file(path));
  }
}
