#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "sandbox/launch/path_text.h"
#include "sandbox/sandbox.h"

namespace corvid::sandbox {
namespace {

namespace fs = std::filesystem;

fs::path staged_jail() { return fs::path(CORVID_BINARY_DIR) / "corvid-jail"; }

bool cannot_stage() {
  const LayerReport report = detect_layers(staged_jail());
  if (!report.allows_copies()) WARN("SKIP: " << report.missing());
  return !report.allows_copies();
}

void put(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

// A workspace with git data, and the sandbox that works on copies.
struct Stage {
  TempDir dir;
  fs::path root = fs::canonical(dir.path());
  fs::path work = root / "work";
  std::unique_ptr<Sandbox> box;
  Profile profile =
      system_profile({"PATH=/usr/bin:/bin", "HOME=" + (root / "nobody").string()});
  Command command;

  explicit Stage(int landlock_abi_max = 0)
      : box(make_sandbox("staged", {.jail = staged_jail(),
                                    .stages = root / "stages",
                                    .landlock_abi_max = landlock_abi_max})) {
    put(work / "main.py", "print('hello')\n");
    put(work / "sub/part.txt", "part\n");
    put(work / ".git/config", "[core]\n");
    profile.write_roots = {work};
    profile.protected_paths = {work / ".git", work / ".corvid"};
    profile.time_max = std::chrono::seconds(60);
    command.cwd = work;
  }
  Outcome run(const std::string& script) {
    command.argv = {"sh", "-c", script};
    return box->run(command, profile, {});
  }
};

std::string content(const fs::path& path) { return read_file(path); }

}  // namespace

TEST_CASE("On copies, what a command changes comes back and nothing else is touched") {
  if (cannot_stage()) return;
  Stage stage;
  struct stat before = {}, after = {};
  REQUIRE(stat((stage.work / "main.py").c_str(), &before) == 0);
  put(stage.work / "gone.txt", "gone\n");
  put(stage.work / "folder/a", "a\n");
  const Outcome outcome = stage.run(
      "echo new > new.txt; echo more >> sub/part.txt; rm gone.txt; mv folder renamed; "
      "ln -s main.py link; mkdir -p deep/er; echo x > deep/er/file; cp main.py tool; "
      "chmod 700 tool; ln -s \"$PWD/main.py\" absolute; mkfifo pipe");
  CHECK(outcome.output == "");
  CHECK(outcome.exit_code == 0);
  CHECK(content(stage.work / "new.txt") == "new\n");
  CHECK(content(stage.work / "sub/part.txt") == "part\nmore\n");
  CHECK_FALSE(fs::exists(stage.work / "gone.txt"));
  CHECK_FALSE(fs::exists(stage.work / "folder"));
  CHECK(content(stage.work / "renamed/a") == "a\n");
  CHECK(fs::read_symlink(stage.work / "link") == "main.py");
  CHECK(fs::read_symlink(stage.work / "absolute") == stage.work / "main.py");
  CHECK(content(stage.work / "deep/er/file") == "x\n");
  CHECK(fs::status(stage.work / "tool").permissions() == fs::perms(0700));
  CHECK_FALSE(fs::exists(stage.work / "pipe"));
  REQUIRE(stat((stage.work / "main.py").c_str(), &after) == 0);
  CHECK(before.st_ino == after.st_ino);
  CHECK(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
  CHECK(fs::is_empty(stage.root / "stages"));
}

TEST_CASE("On copies, a file may become a folder, a folder a file, and either a link") {
  if (cannot_stage()) return;
  Stage stage;
  put(stage.work / "one", "1");
  put(stage.work / "two/in", "2");
  put(stage.work / "three/in", "3");
  CHECK(stage.run("rm one; mkdir one; echo x > one/in; rm -r two; echo y > two; "
                  "mv three four; ln -s four three").exit_code == 0);
  CHECK(content(stage.work / "one/in") == "x\n");
  CHECK(content(stage.work / "two") == "y\n");
  CHECK(fs::is_symlink(stage.work / "three"));
  CHECK(content(stage.work / "four/in") == "3");
}

TEST_CASE("On copies, protected folders are read and stay as they are") {
  if (cannot_stage()) return;
  Stage stage;
  put(stage.work / "dep/.git/config", "[core]\n");
  CHECK(stage.run("mkdir -p dep/.git/hooks new/.git; echo evil > dep/.git/hooks/pre-commit; "
                  "rm dep/.git/config; echo evil > new/.git/config; echo x > new/x").exit_code == 0);
  CHECK(content(stage.work / "dep/.git/config") == "[core]\n");
  CHECK_FALSE(fs::exists(stage.work / "dep/.git/hooks"));
  CHECK_FALSE(fs::exists(stage.work / "new/.git"));
  CHECK(content(stage.work / "new/x") == "x\n");
  const Outcome outcome = stage.run(
      "cat .git/config; echo x >> .git/config; rm -rf .git; mkdir .git .corvid; "
      "echo evil > .git/config; echo evil > .corvid/config.toml");
  CHECK(outcome.output.find("[core]") != std::string::npos);
  CHECK(content(stage.work / ".git/config") == "[core]\n");
  CHECK_FALSE(fs::exists(stage.work / ".corvid"));
}

TEST_CASE("On copies, a file that somebody else changes meanwhile is left alone") {
  if (cannot_stage()) return;
  Stage stage;
  std::thread other([&] {
    for (int i = 0; i < 500 && !fs::exists(stage.root / "stages"); ++i) usleep(10'000);
    usleep(600'000);
    put(stage.work / "main.py", "mine\n");
  });
  const Outcome outcome = stage.run("sleep 2; echo its > main.py; echo its > other.py");
  other.join();
  CHECK(content(stage.work / "main.py") == "mine\n");
  CHECK(content(stage.work / "other.py") == "its\n");
  CHECK(outcome.output.find("[not brought back: main.py: changed meanwhile") !=
        std::string::npos);
}

TEST_CASE("On copies, words, variables and output name the workspace by its own path") {
  if (cannot_stage()) return;
  Stage stage;
  const std::string work = stage.work.string();
  stage.command.environment = {"WHERE=" + work + "/sub:" + work};
  std::string streamed;
  stage.command.on_output = [&](std::string_view piece) { streamed += piece; };
  const Outcome outcome = stage.run("pwd; cat " + work + "/sub/part.txt; echo $WHERE; ls $WHERE; " +
                                    "echo x > /tmp/file && cat /tmp/file; echo $HOME");
  CHECK(outcome.output.starts_with(work + "\npart\n" + work + "/sub:" + work + "\n"));
  CHECK(outcome.output.find("\nx\n") != std::string::npos);
  CHECK(outcome.output.ends_with((stage.root / "nobody").string() + "\n"));
  CHECK(streamed == outcome.output);
}

TEST_CASE("On copies, a folder that is shown elsewhere is copied, with what lies in it") {
  if (cannot_stage()) return;
  Stage stage;
  put(stage.root / "copy/main.py", "print('copy')\n");
  put(stage.root / "results/.keep", "");
  fs::create_directories(stage.root / "copy/.git");
  stage.profile.write_roots.clear();
  stage.profile.mounts = {{stage.root / "copy", stage.work, true},
                          {stage.work / ".git", stage.work / ".git", false},
                          {stage.root / "results", stage.root / "results", true}};
  const Outcome outcome = stage.run("python3 " + stage.work.string() + "/main.py; cat .git/config; "
                                    "echo done > " + (stage.root / "results/r").string() +
                                    "; echo new > new.txt");
  CHECK(outcome.output == "copy\n[core]\n");
  CHECK(content(stage.root / "results/r") == "done\n");
  CHECK(content(stage.root / "copy/new.txt") == "new\n");
  CHECK_FALSE(fs::exists(stage.work / "new.txt"));
}

TEST_CASE("On copies, hidden folders are neither seen nor lost") {
  if (cannot_stage()) return;
  Stage stage;
  put(stage.work / "secrets/key", "the key\n");
  stage.profile.hidden_paths.push_back(stage.work / "secrets");
  const Outcome outcome = stage.run("cat secrets/key; mkdir -p secrets; echo x > secrets/key");
  CHECK(outcome.output.find("the key") == std::string::npos);
  CHECK(content(stage.work / "secrets/key") == "the key\n");
}

TEST_CASE("On copies, a read-only workspace is only read") {
  if (cannot_stage()) return;
  Stage stage;
  stage.profile.write_roots.clear();
  stage.profile.protected_paths.clear();
  stage.profile.read_roots.push_back(stage.work);
  const Outcome outcome = stage.run("cat sub/part.txt; echo x > sub/part.txt");
  CHECK(outcome.output.starts_with("part\n"));
  CHECK(content(stage.work / "sub/part.txt") == "part\n");
}

TEST_CASE("On copies, modes and times of own files can be set") {
  if (cannot_stage()) return;
  Stage stage;
  CHECK(stage.run("touch -d 2001-02-03 old; chmod 640 old; python3 -c 'import os, shutil; "
                  "f = open(\"py\", \"w\"); os.fchmod(f.fileno(), 0o600); "
                  "os.utime(f.fileno(), (5, 5)); f.close(); shutil.copy2(\"old\", \"copy\")'; "
                  "stat -c %A old py copy; stat -c %y old | cut -c1-4")
            .output == "-rw-r-----\n-rw-------\n-rw-r-----\n2001\n");
  CHECK(fs::status(stage.work / "old").permissions() == fs::perms(0640));
}

// A shell that is told of one child's end while it starts another must not fail.
TEST_CASE("On copies, pipelines start however soon their parts end") {
  if (cannot_stage()) return;
  Stage stage;
  const Outcome outcome = stage.run(
      "i=0; while [ $i -lt 1000 ]; do (exit) | (exit) | (exit); i=$((i + 1)); done; echo done");
  CHECK(outcome.output == "done\n");
  CHECK(outcome.exit_code == 0);
}

TEST_CASE("On copies, two commands at once each have one") {
  if (cannot_stage()) return;
  Stage stage;
  Outcome first;
  Command command = stage.command;
  std::thread other([&] {
    command.argv = {"sh", "-c", "sleep 0.7; echo first > first; ls"};
    first = stage.box->run(command, stage.profile, {});
  });
  usleep(200'000);
  const Outcome second = stage.run("echo second > second; ls");
  other.join();
  CHECK(first.output == "first\nmain.py\nsub\n");
  CHECK(second.output == "main.py\nsecond\nsub\n");
  CHECK(content(stage.work / "first") == "first\n");
  CHECK(content(stage.work / "second") == "second\n");
}

TEST_CASE("On copies, what a killed run has left is removed") {
  if (cannot_stage()) return;
  Stage stage;
  put(stage.root / "stages/0123456789abcdef/tree/place/secret.txt", "left\n");
  put(stage.root / "stages/0123456789abcdef.lock", "");
  fs::permissions(stage.root / "stages", fs::perms::owner_all);
  const auto again = make_sandbox("staged", {.jail = staged_jail(), .stages = stage.root / "stages"});
  CHECK_FALSE(fs::exists(stage.root / "stages/0123456789abcdef"));
  CHECK(stage.run("echo fine").output == "fine\n");
}

TEST_CASE("On copies, others' processes are safe on kernels whose Landlock knows no scopes") {
  if (cannot_stage()) return;
  for (const int abi : {3, 5}) {
    Stage stage(abi);
    const std::string self = std::to_string(getpid());
    const Outcome outcome = stage.run(
        "kill -0 " + self + " && echo ESCAPED; sleep 30 & kill $! && echo killed; "
        "echo x > " + (stage.root / "outside").string() + " && echo ESCAPED; "
        "cat " + (stage.root / "outside").string() + " && echo ESCAPED; true");
    CHECK(outcome.output.find("ESCAPED") == std::string::npos);
    CHECK(outcome.output.find("killed\n") != std::string::npos);
  }
  CHECK_THROWS_AS(Stage(2).run("true"), Error);
}

TEST_CASE("Paths are told from the beginnings of others") {
  const PathPairs pairs = {{"/place", "/s/1"}, {"/place/in", "/s/2"}, {"/tmp", "/s/t"}};
  CHECK(told_to_seen("cd /place && ls /place/in/x /places /home/place /place.d", pairs) ==
        "cd /s/1 && ls /s/2/x /places /home/place /place.d");
  CHECK(told_to_seen("A=/place:/tmp/a", pairs) == "A=/s/1:/s/t/a");
  std::string got;
  SeenToTold printed(pairs, [&](std::string_view piece) { got += piece; });
  for (const char c : std::string("at /s/1/x and /s/t/y, /s/")) printed.take({&c, 1});
  printed.finish();
  CHECK(got == "at /place/x and /tmp/y, /s/");
}

}  // namespace corvid::sandbox
