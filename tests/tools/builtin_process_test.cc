// Commands that run on: shell that yields, process, and long output.

#include <chrono>
#include <thread>

#include "tests/tools/tool_fixture.h"
#include "tools/commands.h"

using namespace corvid;
using namespace corvid::tools;

namespace {

struct RunningFixture : ToolFixture {
  TempDir outputs;
  Commands commands;
  std::chrono::milliseconds yield_after{std::chrono::seconds(30)};
  std::string call_id = "call_1_1";

  ToolResult call(const std::string& tool, const Json& args) {
    try {
      Toolbox::validate(*toolbox.find(tool), args);
      plan(tool, args);
      ToolContext all = context();
      all.commands = &commands;
      all.yield_after = yield_after;
      all.output_folder = outputs.path() / "outputs";
      all.call_id = call_id;
      return toolbox.find(tool)->run(args, all);
    } catch (const Error& error) {
      return {.text = error.what(), .is_error = true};
    }
  }
};

bool has(const ToolResult& result, const std::string& text) {
  INFO(result.text);
  return result.text.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("a command that takes long runs on, and its output comes in parts") {
  RunningFixture fixture;
  fixture.yield_after = std::chrono::milliseconds(300);
  const std::string command = "echo one; while [ ! -e go ]; do sleep 0.05; done; echo two; exit 4";
  const ToolResult first = fixture.call("shell", {{"command", command}});
  CHECK(has(first, "p1 runs since"));
  CHECK(has(first, "one\n"));
  CHECK_FALSE(first.is_error);
  fixture.put("go", "");
  const ToolResult second = fixture.call("process", {{"id", "p1"}, {"wait_s", 60}});
  CHECK(second.text == "exit code 4\ntwo\n");
  CHECK(second.exit_code == 4);
  CHECK(has(fixture.call("process", {{"id", "p1"}}), "no command p1 runs"));
}

TEST_CASE("process types into a command and kills another") {
  RunningFixture fixture;
  CHECK(has(fixture.call("process", {{"command", "read a; echo got $a; read b"}, {"wait_s", 0}}),
            "p1 runs since"));
  const ToolResult typed =
      fixture.call("process", {{"id", "p1"}, {"stdin", "hello\n"}, {"wait_s", 3}});
  CHECK(has(typed, "got hello"));
  CHECK(has(fixture.call("process", {{"command", "sleep 100"}, {"wait_s", 0}}), "p2 runs since"));
  const ToolResult killed = fixture.call("process", {{"id", "p2"}, {"kill", true}});
  CHECK(has(killed, "exit code 130"));
  CHECK(fixture.call("process", {{"id", "p1"}, {"stdin", "more\n"}, {"wait_s", 60}}).text ==
        "exit code 0\n");
  CHECK(fixture.call("process", {{"id", "p1"}, {"stdin", "x"}}).is_error);
  CHECK(fixture.call("process", Json::object()).is_error);
}

TEST_CASE("what is typed is judged like a command, together with what stands in its line") {
  RunningFixture fixture;
  const policies::Action action = fixture.plan("process", {{"id", "p1"}, {"stdin", "git push\n"}});
  CHECK(action.argv == std::vector<std::string>{"/bin/sh", "-c", "git push\n"});
  CHECK(fixture.plan("process", {{"id", "p1"}}).argv.empty());
  CHECK_FALSE(fixture.call("process", {{"command", "cat"}, {"wait_s", 0}}).is_error);
  const auto type = [&](const char* text) {
    const policies::Action typed = fixture.plan("process", {{"id", "p1"}, {"stdin", text}});
    CHECK_FALSE(fixture.call("process", {{"id", "p1"}, {"stdin", text}, {"wait_s", 0}}).is_error);
    return typed.argv.at(2);
  };
  CHECK(type("ls\nr") == "ls\nr");
  CHECK(type("m") == "rm");
  CHECK(type(" a.txt\n") == "rm a.txt\n");
  CHECK(type("r\\\n") == "r\\\n");
  CHECK(type("m b.txt\n") == "r\\\nm b.txt\n");
  CHECK(type("next\n") == "next\n");
}

TEST_CASE("a command that leaves something in the background returns at once and says so") {
  RunningFixture fixture;
  const auto begin = std::chrono::steady_clock::now();
  const ToolResult result = fixture.call("shell", {{"command", "sleep 60 & echo started"}});
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(50));
  CHECK(has(result, "started"));
  if (fixture.is_confined) CHECK(has(result, "were ended"));
}

TEST_CASE("commands die with their owner") {
  RunningFixture fixture;
  {
    Commands commands;
    CommandStart start;
    start.id = "p1";
    start.argv = {"/bin/sh", "-c", "while :; do echo x >> beat; sleep 0.05; done"};
    start.cwd = fixture.workspace.shown_as();
    commands.start(*fixture.box, start, fixture.profile);
    while (fixture.get("beat") == "(none)") commands.wait("p1", std::chrono::milliseconds(20), {});
  }
  const std::string before = fixture.get("beat");
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  CHECK(fixture.get("beat") == before);
}

TEST_CASE("output beyond the limit is kept in a file that the model reads") {
  RunningFixture fixture;
  const std::string command = "i=0; while [ $i -lt 9000 ]; do echo line $i; i=$((i+1)); done";
  const ToolResult result = fixture.call("shell", {{"command", command}});
  CHECK(has(result, "line 0\n"));
  CHECK(has(result, "line 8999\n"));
  CHECK_FALSE(has(result, "line 4500\n"));
  CHECK(has(result, "read_file output:call_1_1"));
  CHECK(int64_t(result.text.size()) <= fixture.context().output_bytes_max);
  const ToolResult part =
      fixture.call("read_file", {{"path", "output:call_1_1"}, {"offset", 4501}, {"limit", 1}});
  CHECK(has(part, "4501|line 4500\n"));
  CHECK(fixture.call("read_file", {{"path", "output:../../x"}}).is_error);
  CHECK(fixture.call("read_file", {{"path", "output:call_9_9"}}).is_error);
}

TEST_CASE("a command can have a terminal of its own") {
  RunningFixture fixture;
  const std::string program = "tty; stty size >/dev/null && echo sized; read line; echo got $line";
  const Json args = {{"command", program}, {"tty", true}, {"wait_s", 20}};
  Json waiting = args;
  waiting["wait_s"] = 1;
  const ToolResult first = fixture.call("process", waiting);
  if (has(first, "script: ")) {
    WARN("SKIP: no pseudo-terminals here: " + first.text);
    return;
  }
  CHECK(has(first, "/dev/pts/"));
  CHECK(has(first, "sized"));
  const ToolResult end =
      fixture.call("process", {{"id", "p1"}, {"stdin", "yes\n"}, {"wait_s", 20}});
  CHECK(has(end, "got yes"));
  CHECK(has(end, "exit code 0"));
  CHECK(has(fixture.call("process", {{"command", "tty"}, {"wait_s", 20}}), "not a tty"));
  CHECK(has(fixture.call("process", {{"id", "p9"}, {"tty", true}}), "tty belongs to command"));
  CHECK(has(fixture.call("process", {{"command", "exit 3"}, {"tty", true}, {"wait_s", 20}}),
            "exit code 3"));
}
