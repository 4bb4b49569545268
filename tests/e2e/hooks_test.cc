// Hooks: a person's commands around the steps of a run.

#include <catch2/catch.hpp>

#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;

namespace {

const Json kRead = call("read_file", {{"path", "calc.py"}});
const Json kEdit =
    call("edit_file", {{"path", "calc.py"}, {"old_text", "a - b"}, {"new_text", "a + b"}});

// The user's configuration of a scene.
void configure(const Scene& scene, const std::string& text) {
  std::filesystem::create_directories(scene.root() / "config" / "corvid" / "hooks");
  write_file_atomic(scene.root() / "config" / "corvid" / "config.toml", text);
}

// What the usual repair gives under this configuration.
ProcessResult repaired(const Scene& scene, const std::string& config,
                       std::vector<std::string> more = {}) {
  configure(scene, config);
  return scene.run({kRead, kEdit}, std::move(more));
}

std::string told_to_model(const ProcessResult& process) {
  std::string all;
  for (const Json& line : json_lines(process.out)) {
    if (line.at("type") != "message_added") continue;
    if (line.at("message").at("role") == "tool") {
      all += line.at("message").at("content").get<std::string>() + "\n";
    }
  }
  return all;
}

}  // namespace

TEST_CASE("a hook before a tool refuses a step with its own words") {
  if (!sandbox_works()) return;
  const Scene scene;
  configure(scene,
            "[[hooks]]\nevent = \"before_tool\"\ntools = [\"edit_file\"]\n"
            "command = \"sh $CORVID_HOOKS/guard.sh\"\n");
  write_file_atomic(scene.root() / "config" / "corvid" / "hooks" / "guard.sh",
                    "grep -q '\"new_text\":\"a + b\"' || exit 0\necho not today >&2\nexit 1\n");
  const ProcessResult run = scene.run({kRead, kEdit});
  INFO(run.out << run.err);
  CHECK(told_to_model(run).find("denied: a hook refused it: not today") != std::string::npos);
  CHECK(result_of(run).at("status") == "denied");
  CHECK(run.exit_code == 3);
  CHECK(scene.get("calc.py").find("a - b") != std::string::npos);
}

TEST_CASE("a hook before a tool that hangs or cannot be found refuses the step") {
  if (!sandbox_works()) return;
  for (const std::string command : {"sleep 60", "exec no-such-program"}) {
    const Scene scene;
    const ProcessResult run =
        repaired(scene, "[[hooks]]\nevent = \"before_tool\"\ntools = [\"edit_file\"]\n"
                        "time_max_s = 1\ncommand = \"" + command + "\"\n");
    INFO(run.out << run.err);
    CHECK(told_to_model(run).find("a hook refused it: ") != std::string::npos);
    CHECK(scene.get("calc.py").find("a - b") != std::string::npos);
  }
}

TEST_CASE("a hook after a tool may change what the step changed, and speak to the model") {
  if (!sandbox_works()) return;
  const Scene scene;
  const ProcessResult run = repaired(
      scene,
      "[[hooks]]\nevent = \"after_tool\"\ntools = [\"edit_file\"]\n"
      "command = \"sed -i 's/a + b/b + a/' calc.py; echo formatted; exit 1\"\n",
      {"--verify", kCheck});
  INFO(run.out << run.err);
  CHECK(told_to_model(run).find("[a hook: formatted]") != std::string::npos);
  CHECK(scene.get("calc.py").find("b + a") != std::string::npos);
  CHECK(result_of(run).at("status") == "verified");
  // Its change is a part of the step's: undo takes both back.
  const std::string session = result_of(run).at("session");
  CHECK(scene.corvid({"sessions", "undo", session}).exit_code == 0);
  CHECK(scene.get("calc.py").find("a - b") != std::string::npos);
}

TEST_CASE("other hooks see the run and cannot change the workspace") {
  if (!sandbox_works()) return;
  const Scene scene;
  configure(scene,
            "[[hooks]]\nevent = \"session_start\"\ncommand = \"cat; touch started; exit 1\"\n"
            "[[hooks]]\nevent = \"before_tool\"\ncommand = \"touch before; true\"\n"
            "[[hooks]]\nevent = \"finish\"\ncommand = \"cat; ls $CORVID_HOOKS/..; exit 1\"\n");
  write_file_atomic(scene.root() / "config" / "corvid" / "keys", "secret\n");
  const ProcessResult run = scene.run({kRead, kEdit});
  INFO(run.out << run.err);
  CHECK(result_of(run).at("status") == "unverified");
  CHECK(run.err.find("\"event\":\"session_start\"") != std::string::npos);
  CHECK(run.err.find("\"task\":\"repair it\"") != std::string::npos);
  CHECK(run.err.find("\"event\":\"finish\"") != std::string::npos);
  CHECK(run.err.find("\"status\":\"unverified\"") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(scene.workspace() / "started"));
  CHECK_FALSE(std::filesystem::exists(scene.workspace() / "before"));
  CHECK(run.err.find("secret") == std::string::npos);
}

TEST_CASE("a project's hooks run once they are trusted") {
  if (!sandbox_works()) return;
  const Scene scene;
  scene.put(".corvid/config.toml",
            "[[hooks]]\nevent = \"before_tool\"\ntools = [\"edit_file\"]\n"
            "command = \"sh $CORVID_HOOKS/no.sh\"\n");
  scene.put(".corvid/hooks/no.sh", "echo by the project; exit 1\n");
  const ProcessResult before = scene.run({kRead});
  CHECK(before.err.find("corvid trust") != std::string::npos);
  const auto trust = [&](const std::string& flag) {
    return scene.corvid({"trust", "-w", scene.workspace().string(), flag});
  };
  CHECK(trust("--yes").out.find("| echo by the project; exit 1") != std::string::npos);
  const ProcessResult after = scene.run({kRead, kEdit});
  INFO(after.out << after.err);
  CHECK(told_to_model(after).find("a hook refused it: by the project") != std::string::npos);
}
