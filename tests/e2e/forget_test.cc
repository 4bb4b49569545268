#include <catch2/catch.hpp>

#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;

TEST_CASE("a fact from run one is used in run two, and after forgetting it is nowhere") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::string secret = "quixotic-4711";
  const std::string model = scene.script({call("finish", {{"summary", "noted"}})});
  const auto run = [&](const std::string& task) {
    return scene.corvid(
        {"run", task, "--workspace", scene.workspace().string(), "--model", model, "--json"});
  };
  REQUIRE(run("Note for later: the staging server's code name is " + secret + ".").exit_code == 0);
  const ProcessResult second = run("What is the code name of the staging server?");
  REQUIRE(second.exit_code == 0);
  bool is_recalled = false;
  for (const Json& line : json_lines(second.out)) {
    if (line.at("type") != "message_added" || line.at("message").at("role") != "user") continue;
    is_recalled =
        line.at("message").at("content").get<std::string>().find(secret) != std::string::npos;
  }
  CHECK(is_recalled);
  CHECK_FALSE(scene.files_with(secret).empty());

  const ProcessResult refused = scene.corvid({"memory", "forget", "--text", secret});
  CHECK(refused.exit_code == 1);  // nobody said yes
  CHECK_FALSE(scene.files_with(secret).empty());

  const ProcessResult forgotten =
      scene.corvid({"memory", "forget", "--text", secret, "--yes", "--json"});
  INFO(forgotten.out << forgotten.err);
  REQUIRE(forgotten.exit_code == 0);
  CHECK(scene.files_with(secret).empty());
  CHECK(scene.corvid({"memory", "search", "code name of the staging server", "--json"})
            .out.find(secret) == std::string::npos);
  const ProcessResult third = run("What is the code name of the staging server?");
  CHECK(third.out.find(secret) == std::string::npos);
  CHECK(scene.files_with(secret).empty());
}
