#include <sys/stat.h>

#include "tests/attacks/arena.h"

namespace corvid::attacks {
namespace {

using sandbox::Profile;

void allow_reading_outside(Arena& arena, Profile& profile) {
  profile.read_roots.push_back(arena.outside());
}

void allow_writing_outside(Arena& arena, Profile& profile) {
  profile.write_roots.push_back(arena.outside());
}

void protect_nothing(Arena&, Profile& profile) { profile.protected_paths.clear(); }

bool outside_was_written(Arena& arena) { return fs::exists(arena.outside() / "new"); }

// The outside can be seen, so that only writing is left to be forbidden.
void show_outside(Arena& arena) { arena.profile.read_roots.push_back(arena.outside()); }

void link_outside(Arena& arena) {
  fs::create_symlink(arena.outside(), arena.workspace() / "link");
  arena.own();
}

void remove_git(Arena& arena) { fs::remove_all(arena.workspace() / ".git"); }

bool git_was_made(Arena& arena) { return fs::exists(arena.workspace() / ".git/hooks/evil"); }

void add_nested_repository(Arena& arena) {
  put_file(arena.workspace() / "sub/deep/.git/config", "[core]\n");
  arena.profile.protected_paths.push_back(arena.workspace() / "sub/deep/.git");
  arena.own();
}

void show_home(Arena& arena, Profile& profile) {
  profile.home.clear();
  profile.hidden_paths.clear();
  profile.read_roots.push_back(arena.home());
}

bool has_id_program(Arena& arena) {
  struct stat status = {};
  return stat((arena.workspace() / "program").c_str(), &status) == 0 && status.st_size > 0 &&
         (status.st_mode & (S_ISUID | S_ISGID)) != 0;
}

// Python with the file's descriptor or name; numbers of system calls are those of x86-64.
std::string id_program(const std::string& call) {
  return "cp /bin/true program; python3 -c 'import ctypes, os, stat\n"
         "def raw(*arguments): ctypes.CDLL(None).syscall(*arguments)\n" + call + "'";
}

}  // namespace

TEST_CASE("A program with a set-user-id or set-group-id bit cannot be made") {
  std::vector<std::string> scripts = {
      "cp /bin/true program; chmod 4755 program", "cp /bin/true program; chmod g+s program",
      "install -m 4755 /bin/true program",
      id_program("os.fchmod(os.open(\"program\", os.O_RDONLY), 0o6755)")};
#if defined(__x86_64__)
  scripts.push_back(id_program("raw(90, b\"program\", 0o4755)"));
  scripts.push_back(id_program("raw(268, -100, b\"program\", 0o4755)"));
#endif
  for (const std::string& script : scripts) {
    INFO(script);
    expect_blocked({.script = script.c_str(),
                    .tools = {"python3", "install"},
                    .has_escaped = has_id_program});
  }
}

TEST_CASE("A file that is made with a set-user-id bit loses it with its first byte") {
#if defined(__x86_64__)
  const std::string write = "os.write(file, open(\"/bin/true\", \"rb\").read())";
  const std::string scripts[] = {
      id_program("os.remove(\"program\"); file = os.open(\"program\", 65, 0o4755); " + write),
      id_program("os.remove(\"program\"); os.mknod(\"program\", stat.S_IFREG | 0o4755); "
                 "file = os.open(\"program\", 1); " + write),
      id_program("os.remove(\"program\")\n"
                 "how = (ctypes.c_uint64 * 3)(65, 0o4755, 0)\n"
                 "file = ctypes.CDLL(None).syscall(437, -100, b\"program\", how, 24)\n" + write)};
  for (const std::string& script : scripts) {
    INFO(script);
    expect_blocked({.script = script.c_str(),
                    .tools = {"python3"},
                    .has_escaped = has_id_program,
                    .control_needs_root = true});  // who may keep the bits while writing
  }
#else
  WARN("SKIP: system call numbers of x86-64");
#endif
}

TEST_CASE("A workspace that its user cannot write needs no placeholder") {
  if (geteuid() != 0 || !missing_layers().empty()) {
    WARN("SKIP: needs root and the sandbox");
    return;
  }
  Arena arena(Who::user);
  fs::remove_all(arena.workspace() / ".git");
  REQUIRE(chown(arena.workspace().c_str(), 0, 0) == 0);
  const sandbox::Outcome outcome =
      arena.run("cat main.py; mkdir .git && echo ESCAPED", arena.profile);
  INFO(outcome.output);
  CHECK(outcome.output.find("hello") != std::string::npos);
  CHECK(outcome.output.find("ESCAPED") == std::string::npos);
  // One that the user could open again stays refused.
  REQUIRE(chown(arena.workspace().c_str(), kUserId, kUserId) == 0);
  fs::permissions(arena.workspace(), fs::perms(0555));
  CHECK_THROWS_AS(arena.run("chmod 755 . && mkdir .git", arena.profile), Error);
}

TEST_CASE("A file outside cannot be read") {
  expect_blocked({.script = "grep -q outer \"$OUTSIDE/secret\" && echo ESCAPED",
                  .allow = allow_reading_outside});
}

TEST_CASE("A file outside cannot be written") {
  expect_blocked({.script = "mkdir -p \"$OUTSIDE\"; echo evil > \"$OUTSIDE/new\"",
                  .has_escaped = outside_was_written,
                  .allow = allow_writing_outside});
}

TEST_CASE("A readable file outside cannot be written") {
  expect_blocked({.script = "echo evil > \"$OUTSIDE/new\"",
                  .prepare = show_outside,
                  .has_escaped = outside_was_written,
                  .allow = allow_writing_outside});
}

TEST_CASE("A readable file outside cannot be removed, renamed or truncated") {
  expect_blocked({.script = "rm -f \"$OUTSIDE/secret\"; mv \"$OUTSIDE/secret\" .; "
                            "truncate -s 0 \"$OUTSIDE/secret\"",
                  .prepare = show_outside,
                  .has_escaped =
                      [](Arena& arena) {
                        const fs::path secret = arena.outside() / "secret";
                        return !fs::exists(secret) || fs::is_empty(secret);
                      },
                  .allow = allow_writing_outside});
}

TEST_CASE("Mode and times of a readable file outside cannot be changed") {
  expect_blocked({.script = "chmod 777 \"$OUTSIDE/secret\"",
                  .prepare = show_outside,
                  .has_escaped =
                      [](Arena& arena) {
                        const auto bits = fs::status(arena.outside() / "secret").permissions();
                        return (bits & fs::perms::others_write) != fs::perms::none;
                      },
                  .allow = allow_writing_outside});
}

TEST_CASE("A folder that is seen through another one cannot be written") {
  expect_blocked({.script = "cd seen; echo evil > new; chmod 777 secret; echo evil >> secret; "
                            "ln secret other; mv secret more; rm -f more",
                  .prepare =
                      [](Arena& arena) {
                        const fs::path base = arena.workspace().parent_path();
                        for (const char* name : {"copy", "below-work", "work/seen"}) {
                          fs::create_directories(base / name);
                        }
                        arena.profile.mounts = {{base / "copy", arena.workspace() / "seen", true,
                                                 arena.outside(), base / "below-work"}};
                        arena.own();
                      },
                  .has_escaped =
                      [](Arena& arena) {
                        const fs::path secret = arena.outside() / "secret";
                        return outside_was_written(arena) || !fs::exists(secret) ||
                               fs::hard_link_count(secret) != 1 ||
                               read_file(secret) != "the outer secret\n" ||
                               (fs::status(secret).permissions() & fs::perms::others_write) !=
                                   fs::perms::none;
                      },
                  .allow =
                      [](Arena& arena, Profile& profile) {
                        profile.mounts = {{arena.outside(), arena.workspace() / "seen", true}};
                      },
                  .needs_namespaces = true});
}

TEST_CASE("A git hook cannot be planted") {
  expect_blocked({.script = "echo evil > .git/hooks/pre-commit",
                  .has_escaped = [](Arena& arena) {
                    return fs::exists(arena.workspace() / ".git/hooks/pre-commit");
                  },
                  .allow = protect_nothing});
}

TEST_CASE("The git configuration cannot be edited") {
  expect_blocked({.script = "echo '[core] fsmonitor = evil' >> .git/config",
                  .has_escaped = [](Arena& arena) {
                    return fs::file_size(arena.workspace() / ".git/config") > 10;
                  },
                  .allow = protect_nothing});
}

TEST_CASE("The git folder cannot be renamed away and replaced") {
  expect_blocked({.script = "mv .git old && mkdir -p .git/hooks && echo evil > .git/hooks/evil",
                  .has_escaped = git_was_made,
                  .allow = protect_nothing});
}

TEST_CASE("A git folder cannot be made where there is none") {
  expect_blocked({.script = "rm -rf .git; mkdir -p .git/hooks; echo evil > .git/hooks/evil",
                  .prepare = remove_git,
                  .has_escaped = git_was_made,
                  .allow = protect_nothing});
}

TEST_CASE("The git configuration cannot be reached by a hard link") {
  expect_blocked({.script = "ln .git/config alias && echo evil-and-more >> alias",
                  .has_escaped = [](Arena& arena) {
                    return fs::file_size(arena.workspace() / ".git/config") > 10;
                  },
                  .allow = protect_nothing});
}

TEST_CASE("A folder above a nested repository cannot be exchanged") {
  expect_blocked({.script = "mv sub/deep sub/old; mkdir -p sub/deep/.git/hooks; mv sub old;"
                            "mkdir -p sub/deep/.git/hooks; echo evil > sub/deep/.git/hooks/evil",
                  .prepare = add_nested_repository,
                  .has_escaped = [](Arena& arena) {
                    return fs::exists(arena.workspace() / "sub/deep/.git/hooks/evil");
                  },
                  .allow = protect_nothing});
}

TEST_CASE("A symbolic link does not carry a write out of the workspace") {
  expect_blocked({.script = "echo evil > link/new",
                  .prepare = link_outside,
                  .has_escaped = outside_was_written,
                  .allow = allow_writing_outside});
}

TEST_CASE("A symbolic link that the command makes does not carry a read out of the workspace") {
  expect_blocked({.script = "ln -s \"$OUTSIDE/secret\" peek; grep -q outer peek && echo ESCAPED",
                  .allow = allow_reading_outside});
}

TEST_CASE("A hard link does not make a readable file writable") {
  expect_blocked({.script = "ln \"$OUTSIDE/secret\" hard && echo evil > hard",
                  .prepare = show_outside,
                  .has_escaped = [](Arena& arena) {
                    return fs::file_size(arena.outside() / "secret") < 10;
                  }});
}

TEST_CASE("Credentials in the home folder cannot be read") {
  expect_blocked({.script = "cat \"$TRUE_HOME/.ssh/id_rsa\" \"$TRUE_HOME/.netrc\" | "
                            "grep -q private && echo ESCAPED",
                  .allow = show_home});
}

TEST_CASE("Credentials stay hidden when the whole file system is readable") {
  expect_blocked({.script = "ls /etc/hostname \"$OUTSIDE/secret\" >/dev/null; "
                            "cat \"$TRUE_HOME/.ssh/id_rsa\" \"$TRUE_HOME/.netrc\" | "
                            "grep -q -e private -e password && echo ESCAPED",
                  .prepare =
                      [](Arena& arena) {
                        arena.profile.home.clear();
                        arena.profile.read_roots.push_back(arena.home());
                      },
                  .allow = [](Arena&, Profile& profile) { profile.hidden_paths.clear(); }});
}

TEST_CASE("The system's credentials stay hidden when the whole file system is readable") {
  expect_blocked({.script = "ls /etc/hostname >/dev/null; grep -q : /etc/shadow && echo ESCAPED",
                  .prepare = [](Arena& arena) { arena.profile.read_roots.emplace_back("/etc"); },
                  .allow = [](Arena&, Profile& profile) { profile.hidden_paths.clear(); },
                  .control_needs_root = true});
}

TEST_CASE("A folder above something hidden cannot be renamed, which would show it to the next") {
  expect_blocked({.script = "mv above moved",
                  .prepare =
                      [](Arena& arena) {
                        const fs::path secrets = arena.workspace() / "above/deep/secrets";
                        put_file(secrets / "key", "x");
                        arena.profile.hidden_paths.push_back(secrets);
                      },
                  .has_escaped =
                      [](Arena& arena) {
                        return !fs::exists(arena.workspace() / "above/deep/secrets/key");
                      },
                  .allow = [](Arena&, Profile& profile) { profile.hidden_paths.clear(); }});
}

TEST_CASE("The password hashes of the system cannot be read") {
  expect_blocked({.script = "cat /etc/shadow >/dev/null && echo ESCAPED",
                  .control_needs_root = true});
}

TEST_CASE("System folders cannot be written") {
  expect_blocked({.script = "for f in / /usr /etc /dev \"$PLACE\"; do "
                            "touch $f/corvid-evil && echo ESCAPED; done",
                  .prepare = [](Arena& arena) { arena.variables = {"PLACE=/nonexistent"}; },
                  .allow = [](Arena& arena, Profile& profile) {
                    profile.write_roots.push_back(arena.outside());
                    arena.variables = {"PLACE=" + arena.outside().string()};
                  }});
}

}  // namespace corvid::attacks
