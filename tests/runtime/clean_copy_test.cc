#include "runtime/clean_copy.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>

#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

using namespace corvid;
using namespace corvid::runtime;
using corvid::test::put;
using corvid::test::run_process;
namespace fs = std::filesystem;

namespace {

bool git(const fs::path& folder, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"git", "-C", folder.string(), "-c", "user.name=a", "-c",
                                       "user.email=a@b", "-c", "protocol.file.allow=always"});
  const auto result = run_process(arguments, {{"GIT_CONFIG_GLOBAL", "/dev/null"}});
  INFO(result.err);
  return result.exit_code == 0;
}

bool has_git() {
  const bool works = run_process({"git", "--version"}, {}).exit_code == 0;
  if (!works) WARN("SKIP: no git here");
  return works;
}

bool contains(const std::vector<std::string>& paths, const std::string& path) {
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

// Works as an ordinary user for a while: root can read everything.
class AsUser {
 public:
  explicit AsUser(const fs::path& own) : was_root_(::geteuid() == 0) {
    if (!was_root_) return;
    REQUIRE(::chown(own.c_str(), kUser, kUser) == 0);
    REQUIRE(::seteuid(kUser) == 0);
  }
  ~AsUser() {
    if (was_root_ && ::seteuid(0) != 0) std::abort();
  }

 private:
  static constexpr uid_t kUser = 54321;
  bool was_root_;
};

}  // namespace

TEST_CASE("a file that cannot be read is missing in the clean copy, and named") {
  const TempDir dir;
  fs::permissions(dir.path(), fs::perms(0755));
  const fs::path root = dir.path() / "w", base = dir.path() / "scratch";
  put(root / "a.py", "x = 1\n");
  put(root / "secret", "x");
  fs::create_directories(base);
  fs::permissions(root / "secret", fs::perms(0));
  const AsUser user(base);
  const tools::Workspace workspace(root);
  const IgnoredFiles ignored(workspace, 1 << 20, base);
  const CleanCopy copy(workspace, ignored, base);
  CHECK(fs::exists(copy.root() / "a.py"));
  CHECK_FALSE(fs::exists(copy.root() / "secret"));
  CHECK(copy.left_out() == std::vector<std::string>{"secret"});
}

TEST_CASE("a setting in a folder that begins with a dot is kept where there is no git") {
  const TempDir dir;
  const fs::path root = dir.path() / "w";
  put(root / ".github/ci.yml", "old");
  put(root / ".venv/lib/a.py", "x");
  const tools::Workspace workspace(root);
  const IgnoredFiles ignored(workspace);
  put(root / ".github/ci.yml", "new");
  const CleanCopy copy(workspace, ignored);
  CHECK(read_file(copy.root() / ".github/ci.yml") == "new");
  CHECK(copy.kept() == std::vector<std::string>{".github/ci.yml"});
  CHECK(fs::exists(copy.root() / ".venv/lib/a.py"));
}

TEST_CASE("a repository with a submodule is copied, with the submodule's files") {
  if (!has_git()) return;
  const TempDir dir;
  const fs::path inner = dir.path() / "inner", root = dir.path() / "w";
  put(inner / "lib.py", "x = 1\n");
  put(inner / ".gitignore", "*.dat\n");
  put(inner / "kept.dat", "tracked although ignored");
  put(root / "main.py", "import sub.lib\n");
  REQUIRE(git(inner, {"init", "-q"}));
  REQUIRE(git(inner, {"add", "-f", "."}));
  REQUIRE(git(inner, {"commit", "-q", "-m", "x"}));
  REQUIRE(git(root, {"init", "-q"}));
  REQUIRE(git(root, {"add", "."}));
  REQUIRE(git(root, {"submodule", "--quiet", "add", inner.string(), "sub"}));
  const tools::Workspace workspace(root);
  const std::vector<std::string> kept = kept_files(workspace);
  CHECK(contains(kept, "sub/lib.py"));
  CHECK(contains(kept, "sub/kept.dat"));
  CHECK_FALSE(contains(kept, "sub"));
  const IgnoredFiles ignored(workspace);
  const CleanCopy copy(workspace, ignored);
  CHECK(read_file(copy.root() / "sub" / "lib.py") == "x = 1\n");
  const WorkingCopy working(workspace);
  CHECK(fs::exists(working.root() / "sub" / "kept.dat"));
}

TEST_CASE("tracked ignored files and the exclude file count in an attempt's clean copy") {
  if (!has_git()) return;
  const TempDir dir;
  const fs::path root = dir.path() / "w";
  put(root / ".gitignore", "gen/\n");
  put(root / "gen" / "table.py", "tracked");
  put(root / "gen" / "cache", "ignored");
  put(root / "notes", "excluded");
  REQUIRE(git(root, {"init", "-q"}));
  put(root / ".git" / "info" / "exclude", "notes\nnew-notes\n");
  REQUIRE(git(root, {"add", ".gitignore"}));
  REQUIRE(git(root, {"add", "-f", "gen/table.py"}));
  const tools::Workspace workspace(root);
  const IgnoredFiles ignored(workspace);
  const WorkingCopy working(workspace);
  const tools::Workspace attempt(working.root(), root);
  put(working.root() / "gen" / "table.py", "changed by the attempt");
  put(working.root() / "gen" / "cache", "changed by the attempt");
  put(working.root() / "notes", "changed by the attempt");
  put(working.root() / "new-notes", "made by the attempt");
  const CleanCopy copy(attempt, ignored);
  CHECK(read_file(copy.root() / "gen" / "table.py") == "changed by the attempt");
  CHECK(read_file(copy.root() / "gen" / "cache") == "ignored");
  CHECK(read_file(copy.root() / "notes") == "excluded");
  CHECK_FALSE(fs::exists(copy.root() / "new-notes"));
  CHECK(changed_files_between(ignored.rule(), workspace, attempt) ==
        std::vector<std::string>{"gen/table.py"});
}

TEST_CASE("changes of any kind are found, shown and applied exactly") {
  const TempDir dir;
  const fs::path root = dir.path() / "w";
  put(root / "folder" / "inside.txt", "one\n");
  fs::create_symlink("folder", root / "to-folder");
  put(root / "big", std::string((17 << 20), 'x'));
  put(root / "run.sh", "#!/bin/sh\n");
  put(root / "gone" / "deep" / "file", "bye\n");
  put(root / "turns", "into a folder\n");
  fs::create_directories(root / "empty");
  const tools::Workspace workspace(root);
  const KeptRule rule(workspace);
  const WorkingCopy base(workspace), working(workspace);
  const tools::Workspace fork(base.root(), root), copy(working.root(), root);
  CHECK(fs::is_directory(working.root() / "empty"));
  CHECK(changed_files_between(rule, fork, copy).empty());

  put(working.root() / "big", std::string((17 << 20), 'y'));
  fs::permissions(working.root() / "run.sh", fs::perms(0755));
  put(working.root() / "new.sh", "#!/bin/sh\n");
  fs::permissions(working.root() / "new.sh", fs::perms(0755));
  fs::create_symlink("run.sh", working.root() / "link");
  fs::remove_all(working.root() / "gone");
  fs::remove(working.root() / "turns");
  put(working.root() / "turns" / "inner", std::string("a\0b", 3));
  const std::vector<std::string> changed = changed_files_between(rule, fork, copy);
  CHECK(changed == std::vector<std::string>{"big", "gone/deep/file", "link", "new.sh", "run.sh",
                                            "turns", "turns/inner"});
  const std::string diff = changes_diff(fork, copy, changed);
  CHECK(diff.find("large file big changed") != std::string::npos);
  CHECK(diff.find("link link -> run.sh\n") != std::string::npos);
  CHECK(diff.find("mode of run.sh changed: executable\n") != std::string::npos);
  CHECK(diff.find("binary file turns/inner changed\n") != std::string::npos);
  CHECK(diff.find("-bye\n") != std::string::npos);

  put(root / "unrelated", "written by somebody else meanwhile");
  CHECK(conflicts(fork, workspace, changed).empty());
  apply_changes(copy, workspace, changed);
  CHECK(changed_files_between(rule, workspace, copy) == std::vector<std::string>{"unrelated"});
  CHECK_FALSE(fs::exists(root / "gone"));
  CHECK(fs::is_symlink(root / "link"));
  struct stat status;
  REQUIRE(::stat((root / "new.sh").c_str(), &status) == 0);
  CHECK((status.st_mode & 0111) == 0111);
  put(root / "folder" / "inside.txt", "changed by somebody else");
  CHECK(conflicts(fork, workspace, {"folder/inside.txt"}) ==
        std::vector<std::string>{"folder/inside.txt"});
}

TEST_CASE("changes are never applied through a link out of the workspace") {
  const TempDir dir;
  const fs::path root = dir.path() / "w", outside = dir.path() / "outside";
  put(root / "a" / "file", "one\n");
  put(outside / "file", "not ours\n");
  const tools::Workspace workspace(root);
  const WorkingCopy base(workspace), working(workspace);
  const tools::Workspace fork(base.root(), root), copy(working.root(), root);
  put(working.root() / "a" / "file", "two\n");
  fs::remove_all(root / "a");
  fs::create_directory_symlink(outside, root / "a");
  CHECK(conflicts(fork, workspace, {"a/file"}) == std::vector<std::string>{"a", "a/file"});
  CHECK_THROWS_AS(apply_changes(copy, workspace, {"a/file"}), Error);
  CHECK_THROWS_AS(apply_changes(copy, workspace, {".git/config"}), Error);
  fs::remove(working.root() / "a" / "file");
  apply_changes(copy, workspace, {"a/file"});
  CHECK(read_file(outside / "file") == "not ours\n");
}

TEST_CASE("ignored files of a resumed run are those of its start, and old") {
  const TempDir dir, shadow;
  const fs::path root = dir.path() / "w";
  put(root / ".gitignore", "cache/\n");
  put(root / "src.py", "one");
  put(root / "cache" / "old", "as it was");
  SnapshotStore store(shadow.path() / "s.git", root);
  const Snapshot start = store.take();
  put(root / "cache" / "old", "changed by the run");
  put(root / ".gitignore", "\n");
  const tools::Workspace workspace(root);
  const IgnoredFiles ignored(workspace, store, start, dir.path() / "tmp");
  const TempDir target;
  ignored.copy_to(target.path());
  CHECK(read_file(target.path() / "cache" / "old") == "as it was");
  CHECK_FALSE(fs::exists(target.path() / "src.py"));
  CHECK(fs::last_write_time(target.path() / "cache" / "old") <
        fs::last_write_time(root / "src.py"));
}
