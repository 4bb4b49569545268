#include <catch2/catch.hpp>

#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;

namespace {

// `corvid ARGUMENTS` where the kernel gives no more user namespaces, as in many containers.
ProcessResult corvid_without_namespaces(const Scene& scene, std::vector<std::string> arguments) {
  std::vector<std::string> words = {
      "unshare", "--user", "--map-current-user", "--keep-caps", "sh", "-c",
      "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --ambient-caps=-all "
      "--inh-caps=-all \"$@\"",
      "sh", std::string(CORVID_BINARY_DIR) + "/corvid"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return run_process(words, {{"XDG_DATA_HOME", (scene.root() / "data").string()},
                             {"XDG_CACHE_HOME", (scene.root() / "cache").string()},
                             {"XDG_CONFIG_HOME", (scene.root() / "config").string()}});
}

// False, after SKIP, where the absence of namespaces cannot be brought about.
bool can_do_without(const Scene& scene) {
  const ProcessResult doctor = corvid_without_namespaces(scene, {"doctor"});
  const bool can = doctor.out.find("works without namespaces") != std::string::npos;
  if (!can) WARN("SKIP: no copies or no namespaces here: " << doctor.out << doctor.err);
  return can;
}

}  // namespace

TEST_CASE("without namespaces the default model repairs, verifies and undoes on copies") {
  const Scene scene;
  if (!can_do_without(scene)) return;
  const ProcessResult run = corvid_without_namespaces(
      scene, {"run", "The tests fail. Repair the bug.", "--workspace", scene.workspace().string(),
              "--verify", kCheck, "--json"});
  INFO(run.out << run.err);
  const Json result = result_of(run);
  CHECK(result.at("status") == "verified");
  CHECK(result.at("changed_files") == Json{"calc.py"});
  CHECK(scene.shown(result).find("no namespaces") != std::string::npos);
  const ProcessResult undo = corvid_without_namespaces(
      scene, {"sessions", "undo", "-w", scene.workspace().string()});
  CHECK(undo.exit_code == 0);
  CHECK(scene.get("calc.py") == "def add(a, b):\n    return a - b\n");
}

TEST_CASE("without namespaces a command's changes are in the workspace, and the network is closed") {
  const Scene scene;
  if (!can_do_without(scene)) return;
  const std::string model = scene.script(
      {call("shell", {{"command", "sed -i s/a\\ -\\ b/a\\ +\\ b/ calc.py && git status --short; "
                                  "python3 -c 'import socket; socket.socket()'; "
                                  "echo x > .git/planted; echo \"left $?\""}}),
       call("finish", {{"summary", "add adds"}})});
  const ProcessResult run = corvid_without_namespaces(
      scene, {"run", "repair it", "--workspace", scene.workspace().string(), "--model", model,
              "--verify", kCheck, "--attempts", "2", "--json"});
  INFO(run.out << run.err);
  const Json result = result_of(run);
  CHECK(result.at("status") == "verified");
  CHECK(scene.get("calc.py") == "def add(a, b):\n    return a + b\n");
  const std::string shown = scene.shown(result);
  CHECK(shown.find("PermissionError") != std::string::npos);
  CHECK(shown.find("left 0") == std::string::npos);
  CHECK_FALSE(std::filesystem::exists(scene.workspace() / ".git/planted"));
}
