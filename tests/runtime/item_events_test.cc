#include "runtime/cli/item_events.h"

#include <catch2/catch.hpp>

#include "runtime/base/json.h"

using namespace corvid;
using namespace corvid::runtime;

namespace {

Event event_with(EventBody body, int attempt = -1) { return {0, Time{}, attempt, std::move(body)}; }

Event reply_with(const std::string& text, const std::string& tool, const std::string& arguments) {
  Message message{Role::assistant, text, {}, {}};
  if (!tool.empty()) message.calls.push_back({"call_1", tool, arguments});
  return event_with(MessageAdded{message});
}

Event output_of_call(const std::string& text) {
  return event_with(MessageAdded{{Role::tool, text, {}, "call_1"}});
}

}  // namespace

TEST_CASE("a run is told as a thread, a turn and its items") {
  ItemEvents items;
  SessionStarted start;
  start.id = "S1";
  const auto begin = items.of(event_with(start));
  REQUIRE(begin.size() == 2);
  CHECK(dump_json(begin[0]) == R"({"thread_id":"S1","type":"thread.started"})");
  CHECK(begin[1].at("type") == "turn.started");
  CHECK(items.begin("S1").empty());

  const auto said = items.of(reply_with("I look.", "shell", R"({"command":"ls"})"));
  REQUIRE(said.size() == 1);
  CHECK(said[0].at("type") == "item.completed");
  CHECK(said[0].at("item").at("type") == "agent_message");
  CHECK(said[0].at("item").at("text") == "I look.");
  Message thought{Role::assistant, "Now.", {}, ""};
  thought.reasoning = "It may be there.";
  const auto both = items.of(event_with(MessageAdded{thought}));
  REQUIRE(both.size() == 2);
  CHECK(both[0].at("item").at("type") == "reasoning");
  CHECK(both[0].at("item").at("text") == "It may be there.");
  CHECK(both[1].at("item").at("text") == "Now.");

  const auto began = items.of(event_with(ActionDecided{
      "call_1", "shell", R"({"tool":"shell","argv":["/bin/sh","-c","ls"]})", "allow", ""}));
  REQUIRE(began.size() == 1);
  CHECK(began[0].at("type") == "item.started");
  CHECK(began[0].at("item").at("command") == "ls");
  CHECK(began[0].at("item").at("status") == "in_progress");
  CHECK(items.of(event_with(ToolFinished{"call_1", "shell", false, 2, "", 5, ""})).empty());
  const auto ended = items.of(output_of_call("no such file"));
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].at("item").at("id") == "call_1");
  CHECK(ended[0].at("item").at("aggregated_output") == "no such file");
  CHECK(ended[0].at("item").at("exit_code") == 2);
  CHECK(ended[0].at("item").at("status") == "failed");

  RunResult result;
  result.status = "unverified";
  result.tokens = {100, 50, 7, 0};
  const auto end = items.end(result);
  REQUIRE(end.size() == 1);
  CHECK(end[0].at("type") == "turn.completed");
  CHECK(end[0].at("usage").at("input_tokens") == 150);
  CHECK(end[0].at("usage").at("cached_input_tokens") == 50);
  CHECK(end[0].at("usage").at("output_tokens") == 7);
}

TEST_CASE("changes of files, plans, denied commands and other tools are items of their own kind") {
  const auto item_after = [](const std::string& tool, const std::string& arguments,
                             const ActionDecided& decided, const ToolFinished& finished) {
    ItemEvents items;
    items.of(reply_with("", tool, arguments));
    items.of(event_with(decided));
    items.of(event_with(finished));
    const auto lines = items.of(output_of_call("told"));
    REQUIRE(lines.size() == 1);
    return lines[0].at("item");
  };
  const Json change = item_after(
      "apply_patch", R"({"patch":"..."})",
      {"call_1", "apply_patch", R"({"tool":"apply_patch","writes":["/w/a"]})", "allow", ""},
      {"call_1", "apply_patch", false, 0,
       "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+c\n"
       "--- a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-d\n",
       1, ""});
  CHECK(change.at("type") == "file_change");
  CHECK(dump_json(change.at("changes")) ==
        R"([{"kind":"update","path":"x.py"},{"kind":"add","path":"new"},)"
        R"({"kind":"delete","path":"old"}])");
  const Json plan = item_after(
      "plan", R"({"steps":[{"step":"one","status":"done"},{"step":"two"}]})",
      {"call_1", "plan", R"({"tool":"plan"})", "allow", ""}, {"call_1", "plan", false, 0, "", 0, ""});
  CHECK(dump_json(plan.at("items")) ==
        R"([{"completed":true,"text":"one"},{"completed":false,"text":"two"}])");
  const Json denied = item_after(
      "shell", R"({"command":"git push"})",
      {"call_1", "shell", R"({"tool":"shell","argv":["/bin/sh","-c","git push"]})", "deny", "no"},
      {"call_1", "shell", true, 0, "", 0, ""});
  CHECK(denied.at("status") == "declined");
  CHECK(denied.at("exit_code").is_null());
  const Json read = item_after("read_file", R"({"path":"x"})",
                               {"call_1", "read_file", R"({"tool":"read_file"})", "allow", ""},
                               {"call_1", "read_file", false, 0, "", 0, ""});
  CHECK(read.at("type") == "mcp_tool_call");
  CHECK(read.at("tool") == "read_file");
  CHECK(read.at("result") == "told");
}

TEST_CASE("a run that could not begin is an error, one that broke off a failed turn") {
  RunResult result;
  result.status = "error";
  result.message = "why";
  ItemEvents items;
  CHECK(items.end(result)[0].at("type") == "error");
  items.begin("S1");
  CHECK(items.end(result)[0].at("type") == "turn.failed");
  CHECK(items.end(result)[0].at("error").at("message") == "why");
}
