#include <csignal>

#include <catch2/catch.hpp>

#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;

namespace {

// `corvid run` of a command that goes on for `seconds` and leaves "ended"; the signals are sent
// from its beginning on, half a second apart.
ProcessResult run_with_signals(const Scene& scene, int seconds, const std::vector<int>& signals) {
  const std::string command =
      "touch begun; sleep " + std::to_string(seconds) + "; touch ended; echo all of it";
  const std::string model = scene.script({call("shell", {{"command", command}}),
                                          call("write_file", {{"path", "b"}, {"content", "x"}}),
                                          call("finish", {{"summary", "done"}})});
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
