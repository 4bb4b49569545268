// shell and memory_search.

#include "memory/memory.h"
#include "tests/tools/tool_fixture.h"

using namespace corvid;
using namespace corvid::tools;

TEST_CASE("shell runs in the workspace and gives exit code, output and errors as they come") {
  ToolFixture fixture;
  fixture.put("name.txt", "hello\n");
  const ToolResult result =
      fixture.call("shell", {{"command", "cat name.txt; echo oops >&2; exit 3"}});
  CHECK(result.text == "exit code 3\nhello\noops\n");
  CHECK(result.exit_code == 3);
  CHECK_FALSE(result.is_error);
  CHECK(fixture.call("shell", {{"command", "pwd"}}).text ==
        "exit code 0\n" + fixture.workspace.shown_as().string() + "\n");
  CHECK(fixture.call("shell", {{"command", "printf 'a\\377b'"}}).text ==
        "exit code 0\na\xef\xbf\xbd" "b");
  fixture.call("shell", {{"command", "echo made > new.txt"}});
  CHECK(fixture.get("new.txt") == "made\n");
}

TEST_CASE("shell describes its command as an action before it runs") {
  const ToolFixture fixture;
  const policies::Action action = fixture.plan("shell", {{"command", "rm -rf x"}});
  CHECK(action.tool == "shell");
  CHECK(action.argv == std::vector<std::string>{"/bin/sh", "-c", "rm -rf x"});
  CHECK(action.writes.empty());
}

TEST_CASE("shell ends a command at its own time limit but never later than the profile's") {
  ToolFixture fixture;
  const ToolResult result = fixture.call("shell", {{"command", "sleep 60"}, {"timeout_s", 1}});
  CHECK(result.is_error);
  CHECK(result.text.find("[stopped after 1 s]") != std::string::npos);
  fixture.profile.time_max = std::chrono::seconds(1);
  CHECK(fixture.call("shell", {{"command", "sleep 60"}, {"timeout_s", 100}}).is_error);
}

TEST_CASE("shell is confined by the profile it is given") {
  ToolFixture fixture;
  if (!fixture.is_confined) {
    WARN("SKIP: no complete sandbox here");
    return;
  }
  fixture.profile.write_roots.clear();
  CHECK(fixture.call("shell", {{"command", "echo x > new.txt"}}).exit_code != 0);
  CHECK(fixture.get("new.txt") == "(none)");
}

TEST_CASE("memory_search gives the recalled block") {
  ToolFixture fixture;
  memory::MemoryConfig config;
  config.location = ":memory:";
  memory::Memory memory(config);
  fixture.memory = &memory;
  memory::NewTurn turn;
  turn.session = "s1";
  turn.role = "user";
  turn.text = "The deployment password lives in the blue folder.";
  memory.remember(turn);
  const ToolResult found =
      fixture.call("memory_search", {{"question", "where is the deployment password?"}});
  CHECK(found.text.find("blue folder") != std::string::npos);
  CHECK_FALSE(fixture.call("memory_search", {{"question", "zebra quantum"}}).is_error);
}
