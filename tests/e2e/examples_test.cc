// The example programs do what their first lines say.

#include <catch2/catch.hpp>

#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;

namespace {

ProcessResult example(const std::string& name, std::vector<std::string> arguments,
                      const std::map<std::string, std::string>& environment = {}) {
  arguments.insert(arguments.begin(), std::string(CORVID_BINARY_DIR) + "/examples/" + name);
  return run_process(arguments, environment);
}

const std::string kModel = std::string(CORVID_SOURCE_DIR) + "/examples/fledgling/fledgling.gguf";
const std::string kPrompt = "def add(a, b):\n    return a";

}  // namespace

TEST_CASE("an application generates with the engine alone") {
  const ProcessResult done = example("01_generate", {kModel, kPrompt, "8"});
  INFO(done.out << done.err);
  CHECK(done.exit_code == 0);
  CHECK(done.out.find("tokens in the sequence") != std::string::npos);
  CHECK(example("01_generate", {"no-such.gguf", "x"}).err.find("no-such.gguf") !=
        std::string::npos);
}

TEST_CASE("an application forks a state and takes it up again in another process") {
  const TempDir folder("corvid-example");
  const std::string state = (folder.path() / "prompt.state").string();
  const ProcessResult first = example("02_fork", {kModel, kPrompt, state, "2"});
  const ProcessResult second = example("02_fork", {kModel, kPrompt, state, "2"});
  INFO(first.out << first.err << second.out << second.err);
  REQUIRE(first.exit_code == 0);
  CHECK(first.out.find("tokens read, saved to") != std::string::npos);
  CHECK(second.out.find("none read again") != std::string::npos);
  CHECK(first.out.substr(first.out.find('\n')) == second.out.substr(second.out.find('\n')));
}

TEST_CASE("an application remembers, recalls and forgets") {
  const TempDir folder("corvid-example");
  const ProcessResult done = example("03_memory", {(folder.path() / "store").string()});
  INFO(done.out << done.err);
  CHECK(done.exit_code == 0);
  CHECK(done.out.find("port 6001") != std::string::npos);
  CHECK(done.out.find("forgot 1 turn(s); left: 2") != std::string::npos);
}

TEST_CASE("an application runs the agent and gets its verdict") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::string model =
      scene.script({call("read_file", {{"path", "calc.py"}}),
                    call("edit_file", {{"path", "calc.py"}, {"old_text", "a - b"}, {"new_text", "a + b"}}),
                    call("finish", {{"summary", "done"}})});
  const ProcessResult done =
      example("04_agent",
              {scene.workspace().string(), "repair it", "python3 -m unittest -q", model},
              {{"XDG_DATA_HOME", (scene.root() / "data").string()},
               {"XDG_CACHE_HOME", (scene.root() / "cache").string()},
               {"XDG_CONFIG_HOME", (scene.root() / "config").string()}});
  INFO(done.out << done.err);
  CHECK(done.exit_code == 0);
  CHECK(done.out.find("verified: ") != std::string::npos);
  CHECK(scene.get("calc.py") == "def add(a, b):\n    return a + b\n");
}
