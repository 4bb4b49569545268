// Models that go in circles are told so once, and then stopped.

#include <catch2/catch.hpp>

#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;

namespace {

ProcessResult run(const Scene& scene, const std::vector<Json>& replies) {
  return scene.corvid({"run", "repair it", "--workspace", scene.workspace().string(), "--model",
                       scene.script(replies), "--json"});
}

std::string shown(const Scene& scene, const Json& result) {
  return scene.corvid({"sessions", "show", result.at("session").get<std::string>(), "--json"}).out;
}

}  // namespace

TEST_CASE("the same call again and again is named, and ends the run when it goes on") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::vector<Json> same(12, call("read_file", {{"path", "calc.py"}}));
  const ProcessResult process = run(scene, same);
  const Json result = result_of(process);
  CHECK(result.at("status") == "limit");
  CHECK(process.exit_code == 4);
  CHECK(result.at("turns") == 6);
  CHECK(shown(scene, result).find("made this call three times") != std::string::npos);
}

TEST_CASE("a model that takes the hint finishes its work") {
  if (!sandbox_works()) return;
  const Scene scene;
  std::vector<Json> replies(3, call("read_file", {{"path", "calc.py"}}));
  replies.push_back(
      call("edit_file", {{"path", "calc.py"}, {"old_text", "a - b"}, {"new_text", "a + b"}}));
  replies.push_back(call("finish", {{"summary", "done"}}));
  const ProcessResult process = run(scene, replies);
  CHECK(result_of(process).at("status") == "unverified");
  CHECK(process.exit_code == 0);
}

TEST_CASE("empty replies end the run") {
  if (!sandbox_works()) return;
  const Scene scene;
  const ProcessResult process = run(scene, std::vector<Json>(12, Json{{"text", ""}}));
  CHECK(process.exit_code == 4);
  CHECK(result_of(process).at("turns") == 4);
}
