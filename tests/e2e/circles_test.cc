// Models that go in circles are told so once, and then stopped.

#include <catch2/catch.hpp>

#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;

TEST_CASE("the same call again and again is named, and ends the run when it goes on") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::vector<Json> same(12, call("read_file", {{"path", "calc.py"}}));
  const ProcessResult process = scene.run(same);
  const Json result = result_of(process);
  CHECK(result.at("status") == "limit");
  CHECK(process.exit_code == 4);
  CHECK(result.at("turns") == 6);
  CHECK(scene.shown(result).find("made this call three times") != std::string::npos);
}

TEST_CASE("a model that takes the hint finishes its work") {
  if (!sandbox_works()) return;
  const Scene scene;
  std::vector<Json> replies(3, call("read_file", {{"path", "calc.py"}}));
  replies.push_back(
      call("edit_file", {{"path", "calc.py"}, {"old_text", "a - b"}, {"new_text", "a + b"}}));
  replies.push_back(call("finish", {{"summary", "done"}}));
  const ProcessResult process = scene.run(replies);
  CHECK(result_of(process).at("status") == "unverified");
  CHECK(process.exit_code == 0);
}

TEST_CASE("empty replies end the run") {
  if (!sandbox_works()) return;
  const Scene scene;
  const ProcessResult process = scene.run(std::vector<Json>(12, Json{{"text", ""}}));
  CHECK(process.exit_code == 4);
  CHECK(result_of(process).at("turns") == 4);
}

TEST_CASE("what the harness says to a model is not remembered as the person's word") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::vector<Json> same(4, Json{{"text", "it is done"}});
  const Json result = result_of(scene.run(same, {"--verify", "false"}));
  CHECK(scene.shown(result).find("You have said this before") != std::string::npos);
  CHECK(scene.shown(result).find("The check fails") != std::string::npos);
  const std::string kept = scene.corvid({"memory", "list", "--json"}).out;
  CHECK(kept.find("it is done") != std::string::npos);
  CHECK(kept.find("You have said this before") == std::string::npos);
  CHECK(kept.find("The check fails") == std::string::npos);
}
