#include "tools/workspace.h"

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "tests/support/files.h"
#include "tools/diff.h"
#include "tools/quote.h"
#include "tools/support/beneath.h"
#include "tools/support/ignore.h"

using namespace corvid;
using namespace corvid::tools;
using corvid::test::put;
namespace fs = std::filesystem;

namespace {

// The code of the Error that `body` throws; nullopt when it throws none.
template <typename Body>
std::optional<Code> code_of(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error.code();
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("A workspace refuses the root, the home folder, missing folders and the inside of .git") {
  const TempDir folder;
  CHECK(code_of([] { Workspace w("/"); }) == Code::invalid);
  CHECK(code_of([&] { Workspace w(folder.path() / "none"); }) == Code::invalid);
  put(folder.path() / "file", "x");
  CHECK(code_of([&] { Workspace w(folder.path() / "file"); }) == Code::invalid);
  fs::create_directories(folder.path() / ".git/hooks");
  CHECK(code_of([&] { Workspace w(folder.path() / ".git/hooks"); }) == Code::invalid);
  const std::string home = std::getenv("HOME") == nullptr ? "" : std::getenv("HOME");
  ::setenv("HOME", folder.path().c_str(), 1);
  CHECK(code_of([&] { Workspace w(folder.path()); }) == Code::invalid);
  const fs::path person = folder.path() / "homes/person";
  for (const char* name : {"work/project", ".ssh/old", ".config/app", ".cargo/registry"}) {
    fs::create_directories(person / name);
  }
  fs::create_directory_symlink(person, folder.path() / "link");
  for (const char* path : {"homes/person", "link", "link/"}) {
    ::setenv("HOME", (folder.path() / path).c_str(), 1);
    INFO(path);
    for (const char* refused : {"", "homes", "homes/person", "homes/person/.ssh",
                                "homes/person/.ssh/old", "link/.config/app", "link/.cargo"}) {
      INFO(refused);
      CHECK(code_of([&] { Workspace w(folder.path() / refused); }) == Code::invalid);
    }
    CHECK_FALSE(code_of([&] { Workspace w(person / "work"); }));
    CHECK_FALSE(code_of([&] { Workspace w(person / "work/project"); }));
    CHECK_FALSE(code_of([&] { Workspace w(person / ".cargo/registry"); }));
    // An attempt's copy may lie anywhere.
    CHECK_FALSE(code_of([&] { Workspace w(person / ".config/app", person / "work"); }));
  }
  ::setenv("HOME", home.c_str(), 1);
  CHECK_FALSE(code_of([&] { Workspace w(folder.path()); }));
}

TEST_CASE("Paths of a model become clean relative paths or are refused") {
  const TempDir folder;
  const Workspace workspace(folder.path(), "/shown/here");
  CHECK(workspace.relative("src/a.py") == "src/a.py");
  CHECK(workspace.relative("./src//b/../a.py") == "src/a.py");
  CHECK(workspace.relative("/shown/here/src/a.py") == "src/a.py");
  CHECK(workspace.relative(folder.path().string() + "/a.py") == "a.py");
  CHECK(workspace.relative("/shown/here") == ".");
  CHECK(workspace.relative("") == ".");
  for (const char* path : {"..", "../x", "a/../../x", "/etc/passwd", "/shown/hereafter/x", "/"}) {
    CHECK(code_of([&] { workspace.relative(path); }) == Code::invalid);
  }
  CHECK(code_of([&] { workspace.relative(std::string_view("a\0b", 3)); }) == Code::invalid);
}

TEST_CASE("Reading follows links inside the workspace and none that leaves it") {
  const TempDir outside;
  put(outside.path() / "secret", "secret");
  const TempDir folder;
  put(folder.path() / "dir/file", "inside");
  fs::create_symlink("dir/file", folder.path() / "good");
  fs::create_symlink(outside.path() / "secret", folder.path() / "absolute");
  fs::create_symlink("../" + outside.path().filename().string() + "/secret",
                     folder.path() / "relative");
  fs::create_directory_symlink(outside.path(), folder.path() / "out");
  fs::create_symlink("loop", folder.path() / "loop");
  ::mkfifo((folder.path() / "fifo").c_str(), 0600);
  const Workspace workspace(folder.path());
  CHECK(workspace.read("good") == "inside");
  CHECK(workspace.read("dir/file") == "inside");
  CHECK(workspace.read("none") == std::nullopt);
  CHECK(workspace.read("dir/file/none") == std::nullopt);
  for (const char* path : {"absolute", "relative", "out/secret", "loop", "fifo", "dir", "."}) {
    INFO(path);
    CHECK(code_of([&] { workspace.read(path); }) == Code::invalid);
  }
  CHECK(code_of([&] { workspace.read("dir/file", 3); }) == Code::invalid);
  CHECK(workspace.read("dir/file", 6) == "inside");
}

TEST_CASE("Writing is atomic, keeps the mode and makes folders") {
  const TempDir folder;
  const Workspace workspace(folder.path());
  put(folder.path() / "tool.sh", "old");
  fs::permissions(folder.path() / "tool.sh", fs::perms(0751));
  fs::create_hard_link(folder.path() / "tool.sh", folder.path() / "other");
  workspace.write("tool.sh", "new");
  CHECK(workspace.read("tool.sh") == "new");
  CHECK(fs::status(folder.path() / "tool.sh").permissions() == fs::perms(0751));
  CHECK(workspace.read("other") == "old");  // the file was replaced, not written into
  workspace.write("a/b/c.txt", "deep");
  CHECK(workspace.read("a/b/c.txt") == "deep");
  workspace.remove("a/b/c.txt");
  CHECK(workspace.read("a/b/c.txt") == std::nullopt);
  workspace.remove("a/b/c.txt");
  CHECK(workspace.files() == std::vector<std::string>{"other", "tool.sh"});
}

TEST_CASE("Writing never leaves the workspace and never reaches .git") {
  const TempDir outside;
  put(outside.path() / "file", "untouched");
  const TempDir folder;
  put(folder.path() / ".git/config", "untouched");
  put(folder.path() / "sub/.git", "gitdir: elsewhere");
  put(folder.path() / "real", "old");
  fs::create_directory_symlink(outside.path(), folder.path() / "out");
  fs::create_symlink(outside.path() / "file", folder.path() / "link");
  fs::create_symlink(outside.path() / "new", folder.path() / "dangling");
  fs::create_directory_symlink(".git", folder.path() / "git_link");
  fs::create_symlink(".git/config", folder.path() / "config_link");
  fs::create_symlink("real", folder.path() / "good");
  const Workspace workspace(folder.path());
  for (const char* path : {"out/file", "out/new", "link", "dangling"}) {
    INFO(path);
    CHECK(code_of([&] { workspace.write(path, "x"); }) == Code::invalid);
  }
  for (const char* path : {".git/config", ".git/hooks/pre-commit", "sub/.git", "git_link/config",
                           "git_link/hooks/x", "config_link"}) {
    INFO(path);
    CHECK(code_of([&] { workspace.write(path, "x"); }) == Code::denied);
    CHECK(code_of([&] { workspace.remove(path); }) == Code::denied);
  }
  CHECK(read_file(outside.path() / "file") == "untouched");
  CHECK(read_file(folder.path() / ".git/config") == "untouched");
  CHECK_FALSE(fs::exists(outside.path() / "new"));
  CHECK_FALSE(fs::exists(folder.path() / ".git/hooks"));
  workspace.write("good", "new");  // the positive control: a link that stays inside
  CHECK(fs::is_symlink(folder.path() / "good"));
  CHECK(workspace.read("real") == "new");
  CHECK(code_of([&] { workspace.write(".", "x"); }) == Code::invalid);
  CHECK(code_of([&] { workspace.write("sub", "x"); }) == Code::invalid);
}

TEST_CASE("An action names real paths beneath the shown folder") {
  const TempDir folder;
  put(folder.path() / "dir/file", "x");
  fs::create_directory_symlink("dir", folder.path() / "link");
  fs::create_directory_symlink("/etc", folder.path() / "etc");
  const Workspace workspace(folder.path(), "/shown");
  CHECK(workspace.action_path("link/file") == "/shown/dir/file");
  CHECK(workspace.action_path("link/new/deep") == "/shown/dir/new/deep");
  CHECK(workspace.action_path(".") == "/shown");
  CHECK(code_of([&] { workspace.action_path("etc/passwd"); }) == Code::invalid);
}

TEST_CASE("Opening step by step, as kernels without openat2 need it, refuses every link") {
  const TempDir folder;
  put(folder.path() / "dir/file", "x");
  fs::create_directory_symlink("dir", folder.path() / "link");
  const Descriptor root(::open(folder.path().c_str(), O_PATH | O_DIRECTORY));
  CHECK(open_beneath_by_steps(root.get(), "dir/file", O_RDONLY).is_open());
  CHECK(open_beneath_by_steps(root.get(), ".", O_RDONLY).is_open());
  CHECK_FALSE(open_beneath_by_steps(root.get(), "link/file", O_RDONLY).is_open());
  CHECK_FALSE(open_beneath_by_steps(root.get(), "link", O_PATH).is_open());
  CHECK_FALSE(open_beneath_by_steps(root.get(), "dir/../../x", O_RDONLY).is_open());
  CHECK_FALSE(open_beneath_by_steps(root.get(), "/etc/passwd", O_RDONLY).is_open());
  CHECK_FALSE(open_beneath_by_steps(root.get(), "none/file", O_RDONLY).is_open());
}

TEST_CASE("Patterns of .gitignore match as git matches them") {
  CHECK(glob_match("*.o", "a.o"));
  CHECK_FALSE(glob_match("*.o", "d/a.o"));
  CHECK(glob_match("a?c", "abc"));
  CHECK_FALSE(glob_match("a?c", "a/c"));
  CHECK(glob_match("[a-c]x", "bx"));
  CHECK_FALSE(glob_match("[!a-c]x", "bx"));
  CHECK(glob_match("[]]x", "]x"));
  CHECK(glob_match("\\*x", "*x"));
  CHECK_FALSE(glob_match("\\*x", "ax"));
  CHECK(glob_match("**/foo", "foo"));
  CHECK(glob_match("**/foo", "a/b/foo"));
  CHECK(glob_match("a/**", "a/b/c"));
  CHECK_FALSE(glob_match("a/**", "a"));
  CHECK(glob_match("a/**/b", "a/b"));
  CHECK(glob_match("a/**/b", "a/x/y/b"));
  CHECK_FALSE(glob_match("a/**/b", "a/xb"));
  CHECK_FALSE(glob_match("[abc", "a"));
  // Bounded: such a pattern would need exponential time.
  CHECK_FALSE(glob_match("*a*a*a*a*a*a*a*a*a*a*b", std::string(200, 'a')));
}

TEST_CASE("The nearest and last rule decides what is ignored") {
  IgnoreRules rules;
  rules.add("", "# comment\n*.log\n!keep.log\n/top\nbuild/\ndoc/*.txt\n");
  rules.add("", "\\#file\r\ntrailing \n\\!x\n");
  CHECK(rules.is_ignored("a.log", false));
  CHECK(rules.is_ignored("d/a.log", false));
  CHECK_FALSE(rules.is_ignored("d/keep.log", false));
  CHECK(rules.is_ignored("top", false));
  CHECK_FALSE(rules.is_ignored("d/top", false));
  CHECK(rules.is_ignored("d/build", true));
  CHECK_FALSE(rules.is_ignored("d/build", false));
  CHECK(rules.is_ignored("doc/a.txt", false));
  CHECK_FALSE(rules.is_ignored("x/doc/a.txt", false));
  CHECK(rules.is_ignored("#file", false));
  CHECK(rules.is_ignored("trailing", false));
  CHECK(rules.is_ignored("!x", false));
  rules.add("d", "!*.log\n/only\n");
  CHECK_FALSE(rules.is_ignored("d/a.log", false));
  CHECK(rules.is_ignored("a.log", false));
  CHECK(rules.is_ignored("d/only", false));
  CHECK_FALSE(rules.is_ignored("d/e/only", false));
}

TEST_CASE("A walk honours .gitignore where there is git and skips caches where there is none") {
  const TempDir folder;
  for (const char* file : {"b.py", "a/x.py", "a/x.log", "a/keep.log", "out/gen.py", "secret.txt",
                           ".hidden/f", ".dotfile", "__pycache__/x.pyc", "env/pyvenv.cfg",
                           ".tox/t.py", "env/m.py", "sub/.git", "sub/s.py"}) {
    put(folder.path() / file, "");
  }
  put(folder.path() / ".gitignore", "*.log\nout/\n");
  put(folder.path() / "a/.gitignore", "!keep.log\n");
  fs::create_symlink("b.py", folder.path() / "link.py");
  fs::create_directory_symlink("/etc", folder.path() / "etc");
  const Workspace workspace(folder.path());
  CHECK(workspace.files() ==
        std::vector<std::string>{".dotfile", ".gitignore", ".hidden/f", "a/.gitignore",
                                 "a/keep.log", "a/x.py", "b.py", "secret.txt", "sub/s.py"});
  put(folder.path() / ".git/HEAD", "");
  put(folder.path() / ".git/info/exclude", "secret.txt\n__pycache__/\n");
  CHECK(workspace.files() ==
        std::vector<std::string>{".dotfile", ".gitignore", ".hidden/f", ".tox/t.py",
                                 "a/.gitignore", "a/keep.log", "a/x.py", "b.py", "env/m.py",
                                 "env/pyvenv.cfg", "sub/s.py"});
  CHECK(workspace.files(3).size() == 3);
  CHECK(workspace.files(0).empty());
}

TEST_CASE("A workspace beneath a repository's root follows the rules of the folders above it") {
  const TempDir folder;
  const fs::path top = folder.path() / "top", work = top / "mid/work";
  for (const char* file : {"a.c", "build/a.o", "gen/b.c", "mid.log", "keep.log", "venv/x.py"}) {
    put(work / file, "");
  }
  put(top / ".gitignore", "build/\n/mid/work/gen\n*.log\n");
  put(top / "mid/.gitignore", "!keep.log\n");
  const std::vector<std::string> with_rules = {"a.c", "keep.log", "venv/x.py"};
  CHECK(Workspace(work).files().size() == 5);
  put(top / ".git/HEAD", "ref: refs/heads/main\n");
  CHECK(Workspace(work).files() == with_rules);
  fs::copy(work, folder.path() / "copy", fs::copy_options::recursive);
  CHECK(Workspace(folder.path() / "copy", work).files() == with_rules);
  put(top / ".git/info/exclude", "a.c\n");
  CHECK(Workspace(work).files() == std::vector<std::string>{"keep.log", "venv/x.py"});
  // A workspace that the repository ignores as a whole stands for itself.
  put(top / ".git/info/exclude", "work/\n");
  CHECK(Workspace(work).files().size() == 5);
}

TEST_CASE("Hostile file names are shown on one line without escape sequences") {
  CHECK(quote_path("src/a b.py") == "src/a b.py");
  CHECK(quote_path("caf\xc3\xa9.py") == "caf\xc3\xa9.py");
  CHECK(quote_path("a\nb\x1b[31m\"\\") == "\"a\\nb\\033[31m\\\"\\\\\"");
  CHECK(quote_path("\xff") == "\"\\377\"");
  CHECK(quote_path("\xc2\x9b") == "\"\\302\\233\"");
}

TEST_CASE("A diff has hunks with context, joins near changes and marks a missing final newline") {
  CHECK(unified_diff("f", "a\n", "a\n").empty());
  CHECK(unified_diff("f", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n") ==
        "--- a/f\n+++ b/f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
  CHECK(unified_diff("f", "a\nb", "a\nc\n", 0) ==
        "--- a/f\n+++ b/f\n@@ -2 +2 @@\n-b\n\\ No newline at end of file\n+c\n");
  CHECK(unified_diff("f", "a\nb\n", "a\nx\nb\n", 0) == "--- a/f\n+++ b/f\n@@ -1,0 +2 @@\n+x\n");
  CHECK(added_file_diff("f", "a\n") == "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n");
  CHECK(removed_file_diff("f", "a\nb\n") == "--- a/f\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n-b\n");
  const std::string two = unified_diff("f", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n",
                                       "x\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\ny\n");
  CHECK(std::count(two.begin(), two.end(), '@') == 8);  // too far apart for one hunk
}

TEST_CASE("Every diff, applied by patch(1), gives the new text") {
  if (std::system("command -v patch >/dev/null 2>&1") != 0) {
    WARN("SKIP: there is no patch(1)");
    return;
  }
  uint64_t random = 12345;
  const auto next = [&](int bound) {
    random = random * 6364136223846793005ull + 1442695040888963407ull;
    return int((random >> 33) % uint64_t(bound));
  };
  const TempDir folder;
  for (int round = 0; round < 40; ++round) {
    std::string before;
    std::string after;
    for (int i = 0, count = next(30); i < count; ++i) {
      const std::string line = std::to_string(next(6)) + "\n";
      const int what = next(6);
      if (what != 0) before += line;
      if (what != 1) after += what == 2 ? "changed\n" : line;
    }
    if (before.empty() || after.empty() || before == after) continue;
    if (next(3) == 0) after.pop_back();
    if (next(3) == 0) before.pop_back();
    if (before == after) continue;
    put(folder.path() / "f", before);
    put(folder.path() / "d", unified_diff("f", before, after, next(4)));
    const std::string command = "cd " + folder.path().string() + " && patch -s -p1 f d";
    INFO(before << "-----\n" << after << "-----\n" << read_file(folder.path() / "d"));
    REQUIRE(std::system(command.c_str()) == 0);
    REQUIRE(read_file(folder.path() / "f") == after);
  }
}

TEST_CASE("Texts with too many differences still give a correct diff") {
  std::string before;
  std::string after;
  for (int i = 0; i < 4000; ++i) {
    before += "a" + std::to_string(i) + "\n";
    after += "b" + std::to_string(i) + "\n";
  }
  const std::string diff = unified_diff("f", before, after);
  CHECK(diff.starts_with("--- a/f\n+++ b/f\n@@ -1,4000 +1,4000 @@\n-a0\n"));
  CHECK(std::count(diff.begin(), diff.end(), '\n') == 8003);
}
