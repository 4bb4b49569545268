// plan and memory_note.

#include "memory/memory.h"
#include "tests/tools/tool_fixture.h"

using namespace corvid;
using namespace corvid::tools;

TEST_CASE("plan keeps the steps with their status, the last list whole") {
  ToolFixture fixture;
  fixture.call("plan", {{"steps", {{{"step", "read"}}}}});
  const Json steps = {{{"step", "read"}, {"status", "done"}},
                      {{"step", "repair"}, {"status", "doing"}},
                      {{"step", "check"}}};
  const ToolResult result = fixture.call("plan", {{"steps", steps}});
  CHECK(result.text == "[x] read\n[>] repair\n[ ] check\n");
  CHECK(fixture.state.plan.size() == 3);
  CHECK(fixture.call("plan", {{"steps", {{{"step", "x"}, {"status", "later"}}}}}).is_error);
  CHECK(fixture.state.plan.size() == 3);
}

TEST_CASE("memory_note is the agent's own word, which memory shows and erases") {
  ToolFixture fixture;
  CHECK(fixture.call("memory_note", {{"text", "x"}}).is_error);
  memory::MemoryConfig config;
  config.location = ":memory:";
  memory::Memory memory(config);
  fixture.memory = &memory;
  const std::string text = "The integration tests need the variable BLUE_PORT.";
  const ToolResult result = fixture.call("memory_note", {{"text", text}});
  INFO(result.text);
  CHECK_FALSE(result.is_error);
  const memory::Recall recall = memory.recall("what do the integration tests need?");
  REQUIRE(recall.hits.size() == 1);
  CHECK(recall.hits[0].tier == memory::Tier::assistant);
  CHECK(recall.hits[0].text.find("BLUE_PORT") != std::string::npos);
  memory::ForgetRequest request;
  request.text = "BLUE_PORT";
  memory.forget(memory.find_to_forget(request, {memory.scope(), false}), "test");
  CHECK(memory.recall("what do the integration tests need?").hits.empty());
  CHECK(fixture.call("memory_note", {{"text", text}}).is_error);
}

TEST_CASE("a paused memory is neither searched nor written by the agent") {
  ToolFixture fixture;
  memory::MemoryConfig config;
  config.location = ":memory:";
  memory::Memory memory(config);
  fixture.memory = &memory;
  CHECK_FALSE(fixture.call("memory_note", {{"text", "The blue port is 81."}}).is_error);
  memory.set_paused(true, false);
  const ToolResult found = fixture.call("memory_search", {{"question", "blue port?"}});
  CHECK(found.is_error);
  CHECK(found.text == "not searched: the person has paused this memory");
  CHECK(fixture.call("memory_note", {{"text", "x"}}).is_error);
  memory.set_paused(false, false);
  const ToolResult again = fixture.call("memory_search", {{"question", "blue port?"}});
  CHECK(again.text.find("81") != std::string::npos);
}

TEST_CASE("ask_user gives the person's answer, and says when there is none") {
  ToolFixture fixture;
  const Json args = {{"question", "Which?"}, {"choices", {"a", "b"}}};
  CHECK(fixture.call("ask_user", args).text == "nobody is there to answer: decide yourself");
  CHECK(fixture.call("ask_user", args).is_error);
  ToolContext context = fixture.context();
  std::vector<std::string> seen;
  std::optional<std::string> answer = "neither";
  context.ask = [&](const std::string& question, const std::vector<std::string>& choices) {
    seen = choices;
    seen.push_back(question);
    return answer;
  };
  const Tool& tool = *fixture.toolbox.find("ask_user");
  CHECK(tool.run(args, context).text == "neither");
  CHECK(seen == std::vector<std::string>{"a", "b", "Which?"});
  answer.reset();
  CHECK(tool.run({{"question", "Which?"}}, context).is_error);
  CHECK(fixture.plan("ask_user", args) == policies::Action{"ask_user", {}, {}, {}, {}});
  CHECK(fixture.call("ask_user", {{"choices", {"a"}}}).is_error);
}
