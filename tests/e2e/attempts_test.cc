#include "runtime/attempts.h"

#include <catch2/catch.hpp>

#include "runtime/run_ending.h"
#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;
namespace fs = std::filesystem;

TEST_CASE("attempts without a winner say the best that any of them reached") {
  const auto said = [](const std::vector<std::string>& statuses, std::optional<int> best) {
    runtime::AttemptsResult result;
    for (const std::string& status : statuses) {
      runtime::AttemptOutcome outcome;
      outcome.index = int(result.outcomes.size());
      outcome.status = status;
      outcome.check.emplace();
      result.outcomes.push_back(outcome);
    }
    result.best = best;
    return runtime::attempts_status(result);
  };
  CHECK(said({"failed", "unverified"}, 1) == "unverified");
  CHECK(said({"limit", "limit"}, 0) == "limit");
  CHECK(said({}, std::nullopt) == "failed");
}

TEST_CASE("attempts that ended with an error are not told as failed checks") {
  runtime::AttemptsResult tried;
  tried.tried = 2;
  for (const char* status : {"failed", "error"}) {
    runtime::AttemptOutcome outcome;
    outcome.index = int(tried.outcomes.size());
    outcome.status = status;
    if (outcome.status == "error") outcome.text = "no room for a copy";
    tried.outcomes.push_back(outcome);
  }
  tried.best = 0;
  runtime::RunResult result;
  runtime::settle_attempts(result, tried, 2);
  CHECK(result.status == "failed");
  CHECK(result.message.find("none of 2 attempts passes the check (1 ended with an error: no room "
                            "for a copy)") == 0);
}

TEST_CASE("a winner is applied in a workspace with links, large files and programs") {
  if (!sandbox_works()) return;
  const Scene scene;
  scene.put("folder/inside.txt", "one\n");
  fs::create_symlink("folder", scene.workspace() / "to-folder");
  scene.put("big", std::string(17 << 20, 'x'));
  const std::string check = "python3 -m unittest -q";
  const std::string model = scene.script(
      {call("read_file", {{"path", "calc.py"}}), call("suggest_edits", Json::object()),
       call("edit_file", {{"choice", "$choice"}}), call("finish", {{"summary", "done"}})});
  const ProcessResult run =
      scene.corvid({"run", "repair it", "--workspace", scene.workspace().string(), "--model", model,
                    "--json", "--verify", check, "--attempts", "4"});
  CHECK(result_of(run).at("status") == "verified");
  CHECK(scene.get("calc.py") == "def add(a, b):\n    return a + b\n");
  CHECK(fs::is_symlink(scene.workspace() / "to-folder"));
}

TEST_CASE("a check program is never the place of a repair, whoever changes it") {
  if (!sandbox_works()) return;
  const Scene scene;
  scene.put("check.py", "from calc import add\nassert add(1, 2) == 3, add(1, 2)\n");
  const std::string check = "python3 check.py";
  const ProcessResult repaired =
      scene.corvid({"run", "check.py fails", "--workspace", scene.workspace().string(), "--verify",
                    check, "--json"});
  CHECK(result_of(repaired).at("status") == "verified");
  CHECK(result_of(repaired).at("changed_files") == Json{"calc.py"});

  const Scene other;
  other.put("check.py", "from calc import add\nassert add(1, 2) == 3, add(1, 2)\n");
  const std::string model = other.script(
      {call("read_file", {{"path", "check.py"}}),
       call("edit_file", {{"path", "check.py"}, {"old_text", "== 3"}, {"new_text", "== -1"}}),
       call("finish", {{"summary", "done"}})});
  const ProcessResult cheated =
      other.corvid({"run", "check.py fails", "--workspace", other.workspace().string(), "--verify",
                    check, "--model", model, "--json"});
  CHECK(result_of(cheated).at("status") == "unverified");
  CHECK(cheated.exit_code == 2);
}

TEST_CASE("the default model says what it needs instead of trying in vain") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::vector<std::string> task = {"run", "repair it", "--workspace",
                                         scene.workspace().string()};
  const ProcessResult without_check = scene.corvid(task);
  CHECK(without_check.exit_code == 1);
  CHECK(without_check.err.find("--verify") != std::string::npos);
  std::filesystem::create_directory(scene.root() / "empty");
  const ProcessResult without_python =
      scene.corvid({"run", "repair it", "--workspace", (scene.root() / "empty").string(),
                    "--verify", "make test"});
  CHECK(without_python.exit_code == 1);
  CHECK(without_python.err.find("no such files") != std::string::npos);
}
