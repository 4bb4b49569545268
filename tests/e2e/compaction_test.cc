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

// A run that one summary keeps within a window of 4,096 tokens.
ProcessResult run_summed(const Scene& scene, const HttpServer& server, const std::string& model) {
  const ProcessResult process =
      scene.corvid({"run", kTask, "--workspace", scene.workspace().string(), "--model", model,
                    "--json", "--context-tokens", "4096", "--verify", kCheck},
                   {{"OPENAI_BASE_URL", server.url()}, {"ANTHROPIC_BASE_URL", server.url()}});
  INFO(process.err);
  CHECK(result_of(process).at("status") == "verified");
  const std::vector<Json> cuts = compactions(process);
  REQUIRE(cuts.size() == 1);
  CHECK(cuts[0].at("step") == "summary");
  return process;
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
  const ProcessResult process = run_summed(scene, server, "openai:small");
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

TEST_CASE("a server that refuses for length is asked again with room made, once in a turn") {
  if (!sandbox_works()) return;
  const std::string refusal = http_answer(
      400, dump_json({{"error",
                       {{"message",
                         "This model's maximum context length is 4096 tokens. However, you "
                         "requested 13096 tokens (9000 in the messages, 4096 in the completion)."},
                        {"code", "context_length_exceeded"}}}}));
  const std::string patch =
      "*** Begin Patch\n*** Update File: calc.py\n-    return a - b\n+    return a + b\n"
      "*** End Patch\n";
  const std::string read = answer("", one_of("read_file", {{"path", "long.txt"}}), 900);
  for (const bool is_stubborn : {false, true}) {
    const Scene scene;
    std::string text;
    for (int i = 0; i < 400; ++i) text += std::string(50, 'x') + "\n";
    scene.put("long.txt", text);
    // The refused summary is one more request.
    std::vector<std::string> answers = {read, refusal, refusal};
    if (is_stubborn) {
      answers.push_back(refusal);
    } else {
      answers.push_back(answer("", one_of("apply_patch", {{"patch", patch}}), 1200));
      answers.push_back(answer("", one_of("finish", {{"summary", "add adds"}}), 1300));
    }
    const HttpServer server(answers);
    const ProcessResult process =
        scene.corvid({"run", kTask, "--workspace", scene.workspace().string(), "--model",
                      "openai:small", "--json", "--verify", kCheck},
                     {{"OPENAI_BASE_URL", server.url()}});
    INFO(process.err);
    const Json result = result_of(process);
    REQUIRE(compactions(process).size() == 1);
    CHECK(compactions(process)[0].at("step") == "outputs");
    const auto requests = server.requests();
    REQUIRE(requests.size() == (is_stubborn ? 4 : 5));
    const Json again = parse_json(requests[3].body, "again");
    CHECK(dump_json(again).find("xxxxxxxxxx") == std::string::npos);
    CHECK(again.at("max_tokens") < 4096);
    CHECK(result.at("status") == (is_stubborn ? "error" : "verified"));
    CHECK(process.exit_code == (is_stubborn ? 5 : 0));
    if (is_stubborn) {
      CHECK(result.at("message").get<std::string>().find("maximum context length") !=
            std::string::npos);
    } else {
      CHECK(result.at("context").at("window") == 4096);
    }
  }
}

namespace {

// The same answer as Anthropic's messages are streamed.
std::string anthropic_answer(const std::string& text, const Json& call, int input_tokens) {
  std::vector<std::string> events = {dump_json(
      {{"type", "message_start"}, {"message", {{"usage", {{"input_tokens", input_tokens}}}}}})};
  const auto block = [&](const Json& start, const Json& delta) {
    events.push_back(
        dump_json({{"type", "content_block_start"}, {"index", 0}, {"content_block", start}}));
    events.push_back(dump_json({{"type", "content_block_delta"}, {"index", 0}, {"delta", delta}}));
  };
  if (call.is_null()) {
    block({{"type", "text"}, {"text", ""}}, {{"type", "text_delta"}, {"text", text}});
  } else {
    const std::string arguments = dump_json(call.at("arguments"));
    block({{"type", "tool_use"}, {"id", "t"}, {"name", call.at("name")}, {"input", Json::object()}},
          {{"type", "input_json_delta"}, {"partial_json", arguments}});
  }
  const char* reason = call.is_null() ? "end_turn" : "tool_use";
  events.push_back(dump_json({{"type", "message_delta"},
                              {"delta", {{"stop_reason", reason}}},
                              {"usage", {{"output_tokens", 5}}}}));
  events.push_back(R"({"type":"message_stop"})");
  return sse_answer(events);
}

}  // namespace

TEST_CASE("anthropic: a summary stands for what was, and turns still alternate") {
  if (!sandbox_works()) return;
  const Scene scene;
  const Json edit = {{"path", "calc.py"}, {"old_text", "a - b"}, {"new_text", "a + b"}};
  HttpServer server(
      {anthropic_answer("", one_of("list_files", Json::object()), 900),
       anthropic_answer("", one_of("read_file", {{"path", "calc.py"}}), 3900),
       anthropic_answer("Goal: add. Found: calc.py subtracts.", nullptr, 3950),
       anthropic_answer("", one_of("edit_file", edit), 1200),
       anthropic_answer("", one_of("finish", {{"summary", "add adds"}}), 1300)});
  run_summed(scene, server, "anthropic:large");
  const auto requests = server.requests();
  REQUIRE(requests.size() == 5);
  CHECK(parse_json(requests[2].body, "side").at("tool_choice").at("type") == "none");
  const Json next = parse_json(requests[3].body, "next");
  CHECK_FALSE(next.contains("tool_choice"));
  CHECK(next.at("system") == parse_json(requests[0].body, "first").at("system"));
  CHECK(next.at("tools") == parse_json(requests[0].body, "first").at("tools"));
  const Json& messages = next.at("messages");
  const std::string text = dump_json(messages);
  CHECK(text.find("Found: calc.py subtracts.") != std::string::npos);
  CHECK(text.find("zebra.txt") != std::string::npos);
  for (size_t i = 0; i < messages.size(); ++i) {
    CHECK(messages.at(i).at("role") == (i % 2 == 0 ? "user" : "assistant"));
    for (const Json& part : messages.at(i).at("content")) {  // each result behind its call
      if (part.at("type") != "tool_result") continue;
      const Json& before = messages.at(i - 1).at("content");
      CHECK(std::any_of(before.begin(), before.end(), [&](const Json& other) {
        return other.at("type") == "tool_use" && other.at("id") == part.at("tool_use_id");
      }));
    }
  }
}
