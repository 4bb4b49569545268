#include "runtime/left_behind.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

using namespace corvid;
using namespace corvid::runtime;
using corvid::test::put;
namespace fs = std::filesystem;

namespace {

// What `git init` makes, with more settings.
void put_git(const fs::path& git, const std::string& config = "") {
  put(git / "HEAD", "ref: refs/heads/main\n");
  put(git / "config", "[core]\n\trepositoryformatversion = 0\n\tbare = false\n" + config);
  put(git / "description", "x\n");
  put(git / "hooks/pre-commit.sample", "#!/bin/sh\n");
  fs::create_directories(git / "objects");
  fs::create_directories(git / "refs");
}

struct Room {
  TempDir dir;
  fs::path root;
  std::optional<tools::Workspace> workspace;
  Room() : root(dir.path() / "w") {
    fs::create_directories(root / ".git");
    put(root / "sub/a.txt", "a");
    workspace.emplace(root);
  }
};

}  // namespace

TEST_CASE("git data that a command planted are set aside when they could run programs") {
  const std::string settings[] = {
      "\tfsmonitor = touch /tmp/x\n", "\thooksPath = /tmp\n", "[include]\n\tpath = more\n",
      "[filter \"a\"]\n\tclean = x\n", "[core]fsmonitor=x\n", "[remote \"a\"]\n\turl = ext::sh\n",
      "[alias]\n\tst = !x\n",          "\tbare = \\\n",
      "[branch \"a\"]\n\tremote = ext:\":\"sh\n", "\tworktree = /etc\n",
      "[gc]\n\trecentObjectsHook = x\n", "[submodule \"a\"]\n\tupdate = !x\n"};
  for (const std::string& setting : settings) {
    Room room;
    LeftBehind left(*room.workspace);
    put_git(room.root / "sub/.git", setting);
    put(room.root / "sub/.git/objects/aa/bb", "a day's work");
    const auto done = left.clear();
    INFO(setting);
    REQUIRE(done.size() == 1);
    CHECK(done[0].find("sub/.git is new") == 0);
    CHECK(done[0].find("renamed to sub/.git-set-aside-1/.git") != std::string::npos);
    CHECK_FALSE(fs::exists(room.root / "sub/.git"));
    const fs::path aside = room.root / "sub/.git-set-aside-1/.git";
    CHECK(read_file(aside / "objects/aa/bb") == "a day's work");
    CHECK(fs::exists(aside / "HEAD-set-aside"));
    CHECK_FALSE(fs::exists(aside / "HEAD"));
    CHECK(fs::exists(room.root / "sub/a.txt"));
    CHECK(left.clear().empty());
    CHECK(left.cleared() == done);
  }
}

TEST_CASE("planted hooks, git files, git links and bare repositories are set aside") {
  Room room;
  LeftBehind left(*room.workspace);
  put_git(room.root / "hook/.git");
  put(room.root / "hook/.git/hooks/post-checkout", "x");
  put(room.root / "file/.git", "gitdir: ../sub/data\n");
  fs::create_directories(room.root / "link");
  fs::create_symlink("../sub/data", room.root / "link/.git");
  put_git(room.root / "bare", "\tfsmonitor = x\n");
  put(room.root / "bare/keep.txt", "kept");
  CHECK(left.clear().size() == 4);
  for (const char* path : {"hook/.git", "file/.git", "link/.git", "bare/HEAD"}) {
    CHECK_FALSE(fs::exists(fs::symlink_status(room.root / path)));
  }
  CHECK(read_file(room.root / "bare/keep.txt") == "kept");
  CHECK(read_file(room.root / "bare/HEAD-set-aside-1") == "ref: refs/heads/main\n");
  CHECK(left.clear().empty());
}

TEST_CASE("git data in two folders, one of which has only HEAD and commondir, are set aside") {
  for (const char* folder : {"", "vendor"}) {
    Room room;
    fs::remove_all(room.root / ".git");
    LeftBehind left(*room.workspace);
    const fs::path planted = room.root / folder;
    put(planted / "HEAD", "ref: refs/heads/x\n");
    put(planted / "commondir", "evil\n");
    put(planted / "evil/config", "[core]\n\tfsmonitor = touch /tmp/x\n");
    fs::create_directories(planted / "evil/objects");
    fs::create_directories(planted / "evil/refs");
    CHECK(left.clear().size() == 1);
    CHECK_FALSE(fs::exists(planted / "HEAD"));
  }
}

TEST_CASE("a git file that names data elsewhere is read as git reads it") {
  Room room;
  LeftBehind left(*room.workspace);
  put_git(room.root / "data/.git/x");  // plain, and no repository by its name
  put_git(room.root / "data/.git/ x", "\tfsmonitor = x\n");
  put(room.root / "good/.git", "gitdir: ../data/.git/x\n");
  put(room.root / "spaced/.git", "gitdir:  x\n");
  put(room.root / "bad/.git", "gitdir: ../data/.git/ x\n");
  fs::create_symlink(room.dir.path(), room.root / "out");
  fs::create_directories(room.root / "out#in");
  put_git(room.root / "cut/.git", "\tworktree = ../../out#in\n");
  CHECK(left.clear().size() == 3);
  CHECK(fs::exists(room.root / "good/.git"));
}

TEST_CASE("git data that lie deep are found") {
  Room room;
  LeftBehind left(*room.workspace);
  fs::path deep = room.root;
  for (int i = 0; i < 200; ++i) deep /= "d";
  put_git(deep / ".git", "\tfsmonitor = x\n");
  CHECK(left.clear().size() == 1);
  CHECK_FALSE(fs::exists(deep / ".git"));
}

TEST_CASE("what a run left that was killed is set aside by the next, and what it found is not") {
  Room room;
  const fs::path record = room.dir.path() / "records/a";
  put_git(room.root / "mine/.git", "\tfsmonitor = x\n");
  {
    LeftBehind killed(*room.workspace, record);
    killed.begin();
    put_git(room.root / "sub/.git", "\tfsmonitor = x\n");
  }
  {
    LeftBehind next(*room.workspace, record);
    CHECK(next.cleared().size() == 1);
    CHECK_FALSE(fs::exists(room.root / "sub/.git"));
    CHECK(fs::exists(room.root / "mine/.git/HEAD"));
    CHECK_FALSE(fs::exists(record));
    next.begin();
    next.end();
  }
  put_git(room.root / "later/.git", "\tfsmonitor = x\n");  // by a person, between two runs
  CHECK(LeftBehind(*room.workspace, record).cleared().empty());
  CHECK(fs::exists(room.root / "later/.git/HEAD"));
}

TEST_CASE("plain new repositories and those of the start stay") {
  Room room;
  put_git(room.root / "mine/.git", "\tfsmonitor = x\n");
  put_git(room.root / "bare", "\tfsmonitor = x\n");
  LeftBehind left(*room.workspace);
  put_git(room.root / "new/.git",
          "[remote \"origin\"]\n\turl = https://example.org/a\n\tfetch = +a:b\n"
          "[branch \"main\"]\n\tremote = origin\n\tmerge = refs/heads/main\n"
          "[pull]\n\trebase = true\n[gc]\n\tauto = 0\n");
  fs::create_directories(room.root / "empty/.git");
  // As clone --recurse-submodules leaves it.
  put_git(room.root / "new/.git/modules/lib/part", "\tworktree = ../../../../lib/part\n");
  put(room.root / "new/lib/part/.git", "gitdir: ../../.git/modules/lib/part\n");
  CHECK(left.clear().empty());
  CHECK(fs::exists(room.root / "new/.git/HEAD"));
  CHECK(fs::exists(room.root / "mine/.git/HEAD"));
}

TEST_CASE("an ignored repository of the start that runs programs now is set aside") {
  Room room;
  put(room.root / ".gitignore", "deps/\n");
  put_git(room.root / ".git");
  put_git(room.root / "deps/lib/.git");
  LeftBehind left(*room.workspace);
  put(room.root / "deps/lib/.git/FETCH_HEAD", "x");
  CHECK(left.clear().empty());
  put(room.root / "deps/lib/.git/hooks/post-merge", "x");
  CHECK(left.clear().size() == 1);
  CHECK_FALSE(fs::exists(room.root / "deps/lib/.git"));
  CHECK(fs::exists(room.root / "deps/lib/.git-set-aside-1/.git/HEAD-set-aside"));
}

TEST_CASE("set-user-id bits that came since the start are cleared") {
  Room room;
  put(room.root / "old", "x");
  put(room.root / "sub/new", "x");
  REQUIRE(::chmod((room.root / "old").c_str(), 04755) == 0);
  LeftBehind left(*room.workspace);
  REQUIRE(::chmod((room.root / "sub/new").c_str(), 06755) == 0);
  fs::create_symlink("../old", room.root / "sub/link");
  CHECK(left.clear().size() == 1);
  struct stat status;
  REQUIRE(::stat((room.root / "sub/new").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0755);
  REQUIRE(::stat((room.root / "old").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 04755);
}
