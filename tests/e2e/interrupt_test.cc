#include <csignal>

#include <catch2/catch.hpp>

#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;

namespace {

// `corvid run` of `replies`; the signals are sent from the time on when there is a file "begun",
// half a second apart.
ProcessResult run_with_signals(const Scene& scene, const std::vector<Json>& replies,
                               const std::vector<int>& signals) {
  const std::string model = scene.script(replies);
  std::string script = std::string("env --default-signal=INT,HUP ") + CORVID_BINARY_DIR +
                       "/corvid run 'do it' --workspace " + scene.workspace().string() +
                       " --model " + model + " --json & pid=$!; cd " +
                       scene.workspace().string() +
                       "; while ! test -e begun && kill -0 $pid; do sleep 0.05; done";
  for (const int signal : signals) {
    script += "; kill -" + std::to_string(signal) + " $pid; sleep 0.5";
  }
  return run_process({"/bin/sh", "-c", script + "; wait $pid"},
                     {{"XDG_DATA_HOME", (scene.root() / "data").string()},
                      {"XDG_CACHE_HOME", (scene.root() / "cache").string()},
                      {"XDG_CONFIG_HOME", (scene.root() / "config").string()}});
}

// The same of a command that goes on for `seconds` and leaves "ended".
ProcessResult run_with_signals(const Scene& scene, int seconds, const std::vector<int>& signals) {
  const std::string command =
      "touch begun; sleep " + std::to_string(seconds) + "; touch ended; echo all of it";
  return run_with_signals(scene,
                          {call("shell", {{"command", command}}),
                           call("write_file", {{"path", "b"}, {"content", "x"}}),
                           call("finish", {{"summary", "done"}})},
                          signals);
}

bool exists(const Scene& scene, const char* name) {
  return std::filesystem::exists(scene.workspace() / name);
}

}  // namespace

TEST_CASE("Ctrl-C lets the call that runs end, begins no other one, and the run can go on") {
  if (!namespaces_work()) return;
  const Scene scene;
  const ProcessResult process = run_with_signals(scene, 3, {SIGINT});
  INFO(process.out + process.err);
  const Json result = result_of(process);
  CHECK(result.at("status") == "interrupted");
  CHECK(process.exit_code == 130);
  CHECK(process.err.find("stopping after the current step") != std::string::npos);
  CHECK(exists(scene, "ended"));
  CHECK_FALSE(exists(scene, "b"));
  CHECK(result.at("changed_files") == Json({"begun", "ended"}));
  CHECK(scene.answers_of(result).at(0).find("all of it") != std::string::npos);
  const Json resumed =
      result_of(scene.corvid({"run", "--resume", result.at("session"), "--json"}));
  CHECK(resumed.at("status") == "unverified");
  CHECK(exists(scene, "b"));
}

TEST_CASE("Ctrl-C twice, SIGTERM and SIGHUP end the call that runs") {
  if (!namespaces_work()) return;
  for (const std::vector<int>& signals :
       {std::vector<int>{SIGINT, SIGINT}, std::vector<int>{SIGTERM}, std::vector<int>{SIGHUP}}) {
    const Scene scene;
    CAPTURE(signals);
    const ProcessResult process = run_with_signals(scene, 60, signals);
    INFO(process.out + process.err);
    const Json result = result_of(process);
    CHECK(result.at("status") == "interrupted");
    CHECK(process.exit_code == 130);
    CHECK_FALSE(exists(scene, "ended"));
    CHECK_FALSE(exists(scene, "b"));
  }
}

TEST_CASE("what a turn's second call changed before it was cut off is undone with the rest") {
  if (!namespaces_work()) return;
  Json reply = call("shell", {{"command", "echo 1 > one"}});
  const std::string second = "echo x > calc.py; echo 2 > two; touch begun; sleep 60";
  reply["calls"].push_back({{"name", "shell"}, {"arguments", {{"command", second}}}});
  for (const bool is_killed : {false, true}) {
    const Scene scene;
    CAPTURE(is_killed);
    const std::string calc = scene.get("calc.py");
    run_with_signals(scene, std::vector<Json>{reply},
                     is_killed ? std::vector<int>{SIGKILL} : std::vector<int>{SIGINT, SIGINT});
    REQUIRE(exists(scene, "two"));
    const ProcessResult undone =
        scene.corvid({"sessions", "undo", "--workspace", scene.workspace().string()});
    INFO(undone.out + undone.err);
    CHECK_FALSE(exists(scene, "one"));
    if (is_killed) {  // whether the call changed them or somebody since is not known
      CHECK(undone.exit_code == 2);
      CHECK(undone.err.find("left alone: calc.py") != std::string::npos);
      CHECK(undone.err.find("left alone: two") != std::string::npos);
      CHECK(exists(scene, "two"));
      const ProcessResult forced = scene.corvid(
          {"sessions", "undo", "--force", "--workspace", scene.workspace().string()});
      CHECK(forced.exit_code == 0);
    } else {
      CHECK(undone.exit_code == 0);
    }
    CHECK(scene.get("calc.py") == calc);
    CHECK_FALSE(exists(scene, "two"));
  }
}

TEST_CASE("what a command changes while it runs on is undone after a run that ended before it") {
  if (!namespaces_work()) return;
  const std::string command = "sleep 0.5; echo x > late; touch begun; sleep 60";
  const Json start = call("process", {{"command", command}, {"wait_s", 0}});
  const Json wait = call("process", {{"id", "p1"}, {"wait_s", 30}});
  for (const bool is_killed : {false, true}) {
    const Scene scene;
    CAPTURE(is_killed);
    run_with_signals(scene, std::vector<Json>{start, wait, wait},
                     is_killed ? std::vector<int>{SIGKILL} : std::vector<int>{SIGINT, SIGINT});
    REQUIRE(exists(scene, "late"));
    const ProcessResult undone =
        scene.corvid({"sessions", "undo", "--workspace", scene.workspace().string()});
    INFO(undone.out + undone.err);
    CHECK(undone.exit_code == (is_killed ? 2 : 0));
    CHECK(exists(scene, "late") == is_killed);
    if (is_killed) CHECK(undone.err.find("left alone: late") != std::string::npos);
  }
}
