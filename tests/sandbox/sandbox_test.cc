#include "sandbox/sandbox.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "runtime/base/error.h"
#include "runtime/base/files.h"

namespace corvid::sandbox {
namespace {

namespace fs = std::filesystem;
using Instant = std::chrono::steady_clock;

fs::path jail() { return fs::path(CORVID_BINARY_DIR) / "corvid-jail"; }

// True, after saying so, when a layer is missing on this machine.
bool must_skip() {
  const std::string missing = detect_layers(jail()).missing();
  if (!missing.empty()) WARN("SKIP: " << missing);
  return !missing.empty();
}

struct Room {
  TempDir dir;
  fs::path work = fs::canonical(dir.path());
  std::unique_ptr<Sandbox> box = make_sandbox("linux", {jail()});
  Profile profile =
      system_profile({"PATH=/usr/bin:/bin", "HOME=" + (work.parent_path() / "nobody").string()});
  Command command;

  Room() {
    profile.write_roots = {work};
    profile.time_max = std::chrono::seconds(60);
    command.cwd = work;
  }
  Outcome run(const std::string& script, std::stop_token stop = {}) {
    command.argv = {"sh", "-c", script};
    return box->run(command, profile, stop);
  }
};

std::string text_of(const fs::path& path) { return read_file(path); }

}  // namespace

TEST_CASE("A command's output and exit code come back") {
  if (must_skip()) return;
  Room room;
  const Outcome outcome = room.run("echo out; echo err >&2; echo out again; exit 7");
  CHECK(outcome.output == "out\nerr\nout again\n");
  CHECK(outcome.exit_code == 7);
  CHECK(outcome.signal == 0);
  CHECK_FALSE(outcome.timed_out);
  CHECK_FALSE(outcome.truncated);
}

TEST_CASE("A command reads its standard input and writes into the workspace") {
  if (must_skip()) return;
  Room room;
  room.command.stdin_text = std::string(300'000, 'x') + "\n";
  CHECK(room.run("cat > copy; wc -c < copy").output == "300001\n");
  CHECK(text_of(room.work / "copy") == room.command.stdin_text);
  room.command.stdin_text.clear();
  CHECK(room.run("cat; echo end").output == "end\n");
}

TEST_CASE("Output comes while the command runs") {
  if (must_skip()) return;
  Room room;
  std::string seen;
  room.command.on_output = [&](std::string_view piece) { seen += piece; };
  const Outcome outcome = room.run("echo one; sleep 0.1; echo two");
  CHECK(seen == "one\ntwo\n");
  CHECK(outcome.output == seen);
}

TEST_CASE("Output beyond the limit is dropped and the command goes on") {
  if (must_skip()) return;
  Room room;
  room.profile.output_bytes_max = 1000;
  const Outcome outcome = room.run("head -c 500000 /dev/zero; touch done");
  CHECK(outcome.truncated);
  CHECK(outcome.output.size() == 1000);
  CHECK(outcome.exit_code == 0);
  CHECK(fs::exists(room.work / "done"));
}

TEST_CASE("A signal that ends a command is told") {
  if (must_skip()) return;
  Room room;
  const Outcome outcome = room.run("kill -SEGV $$");
  CHECK(outcome.signal == 11);
  CHECK(outcome.exit_code == 139);
}

TEST_CASE("A command that is not there gives 127, one that cannot be executed 126") {
  if (must_skip()) return;
  Room room;
  room.command.argv = {"no-such-command"};
  const Outcome missing = room.box->run(room.command, room.profile, {});
  CHECK(missing.exit_code == 127);
  CHECK(missing.output == "no-such-command: command not found\n");
  std::ofstream(room.work / "text") << "text";
  room.command.argv = {"./text"};
  CHECK(room.box->run(room.command, room.profile, {}).exit_code == 126);
}

TEST_CASE("A process left in the background does not hold the run up") {
  if (must_skip()) return;
  Room room;
  room.profile.time_max = std::chrono::seconds(50);
  const Outcome outcome = room.run("sleep 1000 & setsid sleep 1000 & echo started");
  CHECK(outcome.output == "started\n");
  CHECK(outcome.exit_code == 0);
  CHECK_FALSE(outcome.timed_out);
}

TEST_CASE("A stop request ends a command") {
  if (must_skip()) return;
  Room room;
  std::stop_source stop;
  room.command.on_output = [&](std::string_view) { stop.request_stop(); };
  const Outcome outcome = room.run("trap '' TERM; echo started; sleep 1000", stop.get_token());
  CHECK(outcome.cancelled);
  CHECK(outcome.exit_code == 130);
  CHECK_FALSE(outcome.timed_out);
}

TEST_CASE("The time limit ends a command") {
  if (must_skip()) return;
  Room room;
  room.profile.time_max = std::chrono::milliseconds(300);
  const Outcome outcome = room.run("echo before; sleep 1000; echo after");
  CHECK(outcome.timed_out);
  CHECK(outcome.exit_code == 124);
  CHECK(outcome.output.starts_with("before\n"));
  CHECK(outcome.output.find("after") == std::string::npos);
}

TEST_CASE("The environment is the profile's and the command's, the latter first") {
  if (must_skip()) return;
  Room room;
  room.profile.environment = {"PATH=/usr/bin:/bin", "A=profile", "B=profile"};
  room.profile.home.clear();
  room.command.environment = {"B=command"};
  CHECK(room.run("echo $A $B $HOME $TMPDIR; env | wc -l").output ==
        "profile command /tmp /tmp\n6\n");  // and PWD, which the shell sets
}

TEST_CASE("The loopback interface works without a network") {
  if (must_skip()) return;
  if (access("/usr/bin/python3", X_OK) != 0) {
    WARN("SKIP: no python3 here");
    return;
  }
  Room room;
  const Outcome outcome = room.run(
      "python3 -c 'import socket\n"
      "server = socket.create_server((\"127.0.0.1\", 0))\n"
      "client = socket.create_connection(server.getsockname())\n"
      "print(server.accept()[1][0])'");
  CHECK(outcome.output == "127.0.0.1\n");
}

TEST_CASE("A mount shows another folder at the workspace's path") {
  if (must_skip()) return;
  Room room;
  const TempDir copy;
  std::ofstream(room.work / "file") << "original\n";
  std::ofstream(copy.path() / "file") << "copy\n";
  room.profile.mounts = {{fs::canonical(copy.path()), room.work, true}};
  const std::string output = room.run("cat file; echo changed > file; pwd").output;
  CHECK(output == "copy\n" + room.work.string() + "\n");
  CHECK(text_of(room.work / "file") == "original\n");
  CHECK(text_of(copy.path() / "file") == "changed\n");
}

TEST_CASE("What a mount lacks is seen through it, and never written") {
  if (must_skip()) return;
  Room room;
  const TempDir place;
  const fs::path root = fs::canonical(place.path()), below = root / "a:b,c\\d";
  for (const char* name : {"copy", "work", "a:b,c\\d"}) fs::create_directory(root / name);
  std::ofstream(root / "copy/own") << "own\n";
  for (const char* name : {"own", "more", "gone", "hidden"}) {
    std::ofstream(below / name) << "below\n";
  }
  room.profile.mounts = {{root / "copy", room.work, true, below, root / "work"}};
  room.profile.hidden_paths = {room.work / "hidden"};
  CHECK(room.run("cat own more; echo x >> more; rm gone; ls; cat more; cat hidden").output ==
        "own\nbelow\nhidden\nmore\nown\nbelow\nx\ncat: hidden: Permission denied\n");
  CHECK(text_of(below / "more") == "below\n");
  CHECK(fs::exists(below / "gone"));
}

TEST_CASE("A placeholder is removed after the run") {
  if (must_skip()) return;
  Room room;
  room.profile.protected_paths = {room.work / ".git", room.work / "a/b"};
  CHECK(room.run("ls -A; mkdir -p .git/x a/b").exit_code != 0);
  CHECK(fs::is_empty(room.work));
}

TEST_CASE("Temporary files and the home folder are private and end with the command") {
  if (must_skip()) return;
  Room room;
  room.profile.home = room.work / "home";
  fs::create_directory(room.work / "home");
  CHECK(room.run("echo x > ~/a && echo y > /tmp/b && cat ~/a /tmp/b").output == "x\ny\n");
  CHECK(fs::is_empty(room.work / "home"));
  CHECK(room.run("ls -A ~; ls /tmp/b 2>/dev/null").output.empty());
}

TEST_CASE("Overwriting the jail program does not free later commands") {
  if (must_skip()) return;
  Room room;
  const fs::path copy = room.work / "corvid-jail";
  fs::copy_file(jail(), copy);
  room.box = make_sandbox("linux", {copy});
  fs::remove(copy);
  std::ofstream(copy) << "#!/bin/sh\necho free\n";
  fs::permissions(copy, fs::perms(0755));
  CHECK(room.run("grep NoNewPrivs /proc/self/status").output == "NoNewPrivs:\t1\n");
}

TEST_CASE("A step that fails ends the run before the command") {
  if (must_skip()) return;
  Room room;
  room.command.cwd = "/nonexistent";
  try {
    room.run("touch ran");
    FAIL("the command was run");
  } catch (const Error& error) {
    CHECK(error.code() == Code::denied);
    CHECK(std::string(error.what()).find("enter_cwd") != std::string::npos);
  }
  CHECK(fs::is_empty(room.work));
}

TEST_CASE("Without a jail program there is no sandbox") {
  CHECK_THROWS_AS(make_sandbox("linux", {"/nonexistent/corvid-jail"}), Error);
  CHECK_THROWS_AS(make_sandbox("magic"), Error);
}

TEST_CASE("A missing layer is named with what to do about it") {
  const TempDir dir;
  const fs::path fake = dir.path() / "corvid-jail";
  std::ofstream(fake) << "#!/bin/sh\n"
                         "for layer in mount pid proc ipc network seccomp; do\n"
                         "  echo $layer ok 0; done\n"
                         "echo user no 1\necho landlock no 38\n";
  fs::permissions(fake, fs::perms(0755));
  const LayerReport report = detect_layers(fake);
  CHECK_FALSE(report.complete());
  CHECK(report.missing().find("user: Operation not permitted; ") != std::string::npos);
  CHECK(report.missing().find("landlock: Function not implemented; ") != std::string::npos);
  try {
    make_sandbox("linux", {fake});
    FAIL("a sandbox with a missing layer was made");
  } catch (const Error& error) {
    CHECK(error.code() == Code::unsupported);
    CHECK(std::string(error.what()).find("landlock") != std::string::npos);
  }
}

TEST_CASE("Several threads run commands at the same time") {
  if (must_skip()) return;
  Room room;
  std::vector<std::string> outputs(4);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < outputs.size(); ++i) {
    threads.emplace_back([&, i] {
      Command command;
      command.argv = {"sh", "-c", "echo " + std::to_string(i)};
      command.cwd = room.work;
      outputs[i] = room.box->run(command, room.profile, {}).output;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < outputs.size(); ++i) CHECK(outputs[i] == std::to_string(i) + "\n");
}

TEST_CASE("The sandbox called none runs commands and keeps their limits") {
  const TempDir dir;
  const auto box = make_sandbox("none");
  Profile profile;
  profile.environment = {"COLOUR=blue"};
  profile.output_bytes_max = 8;
  Command command;
  command.argv = {"sh", "-c", "echo $COLOUR; pwd; exit 3"};
  command.cwd = fs::canonical(dir.path());
  const Outcome outcome = box->run(command, profile, {});
  CHECK(outcome.exit_code == 3);
  CHECK(outcome.truncated);
  CHECK(outcome.output.starts_with("blue\n/"));
}

}  // namespace corvid::sandbox
