// Conversations that outgrow the model's window.

#include <catch2/catch.hpp>

#include "tests/e2e/fixture.h"
#include "tests/support/http_server.h"

using namespace corvid;
using namespace corvid::test;

namespace {

const std::string kTask = "Repair it; and never touch the file zebra.txt";

ProcessResult run_windowed(const Scene& scene, std::vector<Json> replies) {
  for (Json& reply : replies) {
    if (!reply.contains("lineage") && !reply.contains("window")) reply["lineage"] = "main";
  }
  return scene.corvid({"run", kTask, "--workspace", scene.workspace().string(), "--model",
                       scene.script(replies), "--json"});
}

std::vector<Json> compactions(const ProcessResult& process) {
  std::vector<Json> found;
  for (const Json& line : json_lines(process.out)) {
    if (line.at("type") == "compacted") found.push_back(line);
  }
  return found;
}

std::string answer(const std::string& text, const Json& call, int prompt_tokens) {
  Json delta = {{"content", text}};
  if (!call.is_null()) {
    const Json function = {{"name", call.at("name")}, {"arguments", dump_json(call.at("arguments"))}};
    delta["tool_calls"] = Json::array({{{"index", 0}, {"id", "x"}, {"function", function}}});
  }
  const Json choice = {{"index", 0}, {"delta", delta}, {"finish_reason", "stop"}};
  const Json usage = {{"prompt_tokens", prompt_tokens}, {"completion_tokens", 5}};
  return sse_answer({dump_json({{"choices", Json::array({choice})}}),
                     dump_json({{"choices", Json::array()}, {"usage", usage}}), "[DONE]"});
}

Json one_of(const std::string& name, const Json& arguments) {
  return {{"name", name}, {"arguments", arguments}};
}

}  // namespace

TEST_CASE("old output is left out first, is said to be, and can be read again") {
  if (!sandbox_works()) return;
  const Scene scene;
  std::string text;
  for (int i = 0; i < 400; ++i) text += "row " + std::to_string(i) + " of the table\n";
  scene.put("table.txt", text);
  std::vector<Json> replies = {{{"window", 4000}}};
  for (int i = 0; i < 8; ++i) {
    replies.push_back(call("read_file", {{"path", "table.txt"}, {"offset", 1 + 50 * i}, {"limit", 50}}));
  }
  replies.push_back(call("read_file", {{"path", "output:call_1_1"}, {"offset", 3}, {"limit", 1}}));
  replies.push_back(call("finish", {{"summary", "done"}}));
  const ProcessResult process = run_windowed(scene, replies);
  CHECK(result_of(process).at("status") == "unverified");
  const std::vector<Json> cuts = compactions(process);
  REQUIRE(cuts.size() == 1);
  CHECK(cuts[0].at("step") == "outputs");
  CHECK(cuts[0].at("calls").at(0) == "call_1_1");
  CHECK(cuts[0].at("tokens_after").get<int>() < cuts[0].at("tokens_before").get<int>());
  CHECK(process.out.find("3|2|row 1 of the table") != std::string::npos);
}

TEST_CASE("a summary stands for what was; task and plan stay to the letter") {
  if (!sandbox_works()) return;
  const Scene scene;
  scene.put("AGENTS.md", "Never use tabs here.\n");
  const Json plan = {{"steps", {{{"step", "mend add()"}, {"status", "doing"}}}}};
  const Json edit = {{"path", "calc.py"}, {"old_text", "a - b"}, {"new_text", "a + b"}};
  HttpServer server({answer("", one_of("plan", plan), 900),
                     answer("I look.", one_of("read_file", {{"path", "calc.py"}}), 3900),
                     answer("Goal: add. Found: calc.py subtracts.", nullptr, 3950),
                     answer("", one_of("edit_file", edit), 1200),
                     answer("", one_of("finish", {{"summary", "add adds"}}), 1300)});
  const ProcessResult process = scene.corvid(
      {"run", kTask, "--workspace", scene.workspace().string(), "--model", "openai:small", "--json",
       "--context-tokens", "4096", "--verify", "python3 -m unittest -q"},
      {{"OPENAI_BASE_URL", server.url()}});
  INFO(process.err);
  CHECK(result_of(process).at("status") == "verified");
  const std::vector<Json> cuts = compactions(process);
  REQUIRE(cuts.size() == 1);
  CHECK(cuts[0].at("step") == "summary");
  const auto requests = server.requests();
  REQUIRE(requests.size() == 5);
  const Json side = parse_json(requests[2].body, "side"), next = parse_json(requests[3].body, "");
  CHECK(side.at("tool_choice") == "none");
  CHECK_FALSE(next.contains("tool_choice"));
  const Json& messages = next.at("messages");
  CHECK(messages.at(0) == parse_json(requests[0].body, "first").at("messages").at(0));
  CHECK(messages.at(0).at("content").get<std::string>().find("Never use tabs") != std::string::npos);
  CHECK(messages.at(1) == parse_json(requests[0].body, "first").at("messages").at(1));
  const std::string note = messages.at(2).at("content");
  CHECK(note.find("Found: calc.py subtracts.") != std::string::npos);
  CHECK(note.find("[>] mend add()") != std::string::npos);
  // The last turns stay as they were: calls and their answers.
  REQUIRE(messages.size() == 7);
  CHECK(messages.at(3).at("tool_calls").at(0).at("id") == messages.at(4).at("tool_call_id"));
  CHECK(messages.at(5).at("tool_calls").at(0).at("id") == messages.at(6).at("tool_call_id"));
  // What a resume reads from the log is what was sent.
  const std::string id = result_of(process).at("session");
  HttpServer later({answer("all is done", nullptr, 100)});
  scene.corvid({"run", "One more thing", "--resume", id, "--json"},
               {{"OPENAI_BASE_URL", later.url()}});
  REQUIRE_FALSE(later.requests().empty());
  const Json resumed = parse_json(later.requests()[0].body, "resumed").at("messages");
  for (size_t i = 0; i < 7; ++i) CHECK(resumed.at(i) == messages.at(i));
}

TEST_CASE("when no summary comes three times, the run ends and says that the window is full") {
  if (!sandbox_works()) return;
  const Scene scene;
  std::vector<Json> replies = {{{"window", 2000}}};
  for (int i = 0; i < 12; ++i) {
    Json reply = call("search", {{"pattern", "nothing" + std::to_string(i)}});
    reply["text"] = std::string(1000, char('a' + i));
    replies.push_back(reply);
  }
  for (int i = 1; i < 5; ++i) {
    replies.push_back({{"text", ""}, {"lineage", "main.s" + std::to_string(i)}});
  }
  const ProcessResult process = run_windowed(scene, replies);
  CHECK(process.exit_code == 4);
  const std::string message = result_of(process).at("message");
  CHECK(message.find("no longer fits the model's window") != std::string::npos);
  CHECK(compactions(process).empty());
}
