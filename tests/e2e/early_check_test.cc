// Runs whose check has the answer before the model goes on.

#include <catch2/catch.hpp>

#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;

namespace {

ProcessResult repair(const Scene& scene, const std::string& check) {
  return scene.corvid({"run", "The tests fail. Repair it.", "--workspace",
                       scene.workspace().string(), "--verify", check, "--json"});
}

}  // namespace

TEST_CASE("the default model changes nothing where the check passes already") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::string right =
      "def add(a, b):\n    return a + b\n\n\ndef is_small(count):\n    if count < 1:\n"
      "        return True\n    return False\n";
  scene.put("calc.py", right);
  const ProcessResult run = repair(scene, kCheck);
  const Json result = result_of(run);
  INFO(run.out);
  CHECK(result.at("status") == "verified");
  CHECK(run.exit_code == 0);
  CHECK(result.at("attempts").at("tried") == 0);
  CHECK(result.at("changed_files").empty());
  CHECK(result.at("verify").at("exit_code") == 0);
  CHECK(scene.get("calc.py") == right);

  // What is recalled of that run does not talk the model out of a repair.
  std::string wrong = right;
  wrong.replace(wrong.find("a + b"), 5, "a - b");
  scene.put("calc.py", wrong);
  CHECK(result_of(repair(scene, kCheck)).at("status") == "verified");
  CHECK(scene.get("calc.py") == right);
}

TEST_CASE("a verified run that is resumed is checked again, and nothing else is done") {
  if (!sandbox_works()) return;
  const Scene scene;
  const Json first = result_of(repair(scene, kCheck));
  REQUIRE(first.at("status") == "verified");
  const std::string repaired = scene.get("calc.py");
  const ProcessResult again = scene.corvid({"run", "--resume", first.at("session"), "--json"});
  const Json result = result_of(again);
  CHECK(result.at("status") == "verified");
  CHECK(again.exit_code == 0);
  CHECK(result.at("turns") == 0);
  CHECK(result.at("attempts").at("tried") == 0);
  CHECK(scene.get("calc.py") == repaired);
}

TEST_CASE("what a person repaired while the default model's run was interrupted stays") {
  if (!sandbox_works()) return;
  const Scene scene;
  const ProcessResult cut = scene.corvid({"run", "The tests fail. Repair it.", "--workspace",
                                          scene.workspace().string(), "--verify", kCheck, "--json"},
                                         {{"CORVID_TEST_INTERRUPT_AFTER_EVENTS", "12"}});
  const Json first = result_of(cut);
  REQUIRE(first.at("status") == "interrupted");
  scene.put("calc.py", "def add(a, b):\n    return b + a\n");
  const Json result =
      result_of(scene.corvid({"run", "--resume", first.at("session"), "--json"}));
  CHECK(result.at("status") == "verified");
  CHECK(scene.get("calc.py") == "def add(a, b):\n    return b + a\n");
}

TEST_CASE("a check that cannot run ends the run at once, with the reason") {
  if (!sandbox_works()) return;
  for (const std::string missing : {"nosuchcommand", "no_such_runner"}) {
    const Scene scene;
    const std::string check =
        missing == "nosuchcommand" ? missing + " --all" : "python3 -m " + missing;
    CAPTURE(check);
    const ProcessResult run = repair(scene, check);
    const Json result = result_of(run);
    CHECK(result.at("status") == "failed");
    CHECK(run.exit_code == 2);
    CHECK(result.at("attempts").at("tried") == 0);
    const std::string message = result.at("message");
    CHECK(message.find("the check cannot run") != std::string::npos);
    CHECK(message.find(missing) != std::string::npos);
  }
}

TEST_CASE("a check that cannot run ends other models' runs after their first one") {
  if (!sandbox_works()) return;
  const std::vector<Json> replies = {
      call("write_file", {{"path", "notes.md"}, {"content", "x"}}),
      call("finish", {{"summary", "done"}}), call("finish", {{"summary", "done"}})};
  {
    const Scene scene;
    const Json result = result_of(scene.run(replies, {"--verify", "nosuchcommand"}));
    CHECK(result.at("status") == "failed");
    CHECK(result.at("checks_run") == 1);
    CHECK(result.at("message").get<std::string>().find("nosuchcommand") != std::string::npos);
  }
  const Scene scene;
  const Json result =
      result_of(scene.run(replies, {"--verify", "nosuchcommand", "--attempts", "64"}));
  CHECK(result.at("status") == "failed");
  CHECK(result.at("attempts").at("tried").get<int>() < 64);
  CHECK(result.at("message").get<std::string>().find("cannot run") != std::string::npos);
}
