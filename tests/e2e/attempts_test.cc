#include "runtime/attempts.h"

#include <catch2/catch.hpp>

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
