// Runs with a model behind a server: a scripted one, on this machine.

#include <catch2/catch.hpp>

#include "tests/e2e/fixture.h"
#include "tests/support/http_server.h"

using namespace corvid;
using namespace corvid::test;

namespace {

// `end`: why the reply ended; "length": it was cut off, here in the middle of the arguments.
std::string call_stream(const std::string& name, const Json& arguments,
                        const std::string& end = "tool_calls") {
  std::string text = dump_json(arguments);
  if (end == "length") text.resize(text.size() / 2);
  const Json function = {{"name", name}, {"arguments", text}};
  const Json call = {{"index", 0}, {"id", "x"}, {"function", function}};
  const Json delta = {{"tool_calls", Json::array({call})}};
  const Json choice = {{"index", 0}, {"delta", delta}, {"finish_reason", end}};
  return sse_answer({dump_json({{"choices", Json::array({choice})}}),
                     R"({"choices":[],"usage":{"prompt_tokens":50,"completion_tokens":5}})",
                     "[DONE]"});
}

ProcessResult run_remote(const Scene& scene, const HttpServer& server,
                         std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {
      "run",    "repair it", "--workspace", scene.workspace().string(), "--model", "openai:small",
      "--json", "--verify",  kCheck};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return scene.corvid(arguments, {{"OPENAI_BASE_URL", server.url()}});
}

}  // namespace

TEST_CASE("a model behind a server repairs with a patch, and is told what AGENTS.md says") {
  if (!sandbox_works()) return;
  const Scene scene;
  scene.put("AGENTS.md", "Never use tabs here.\n");
  const std::string patch =
      "*** Begin Patch\n*** Update File: calc.py\n-    return a - b\n+    return a + b\n"
      "*** End Patch\n";
  HttpServer server({call_stream("read_file", {{"path", "calc.py"}}),
                     http_answer(429, "{}", "application/json", "retry-after-ms: 1\r\n"),
                     call_stream("apply_patch", {{"patch", patch}}),
                     call_stream("finish", {{"summary", "add adds"}})});
  const ProcessResult process = run_remote(scene, server);
  const Json result = result_of(process);
  INFO(process.err);
  CHECK(result.at("status") == "verified");
  CHECK(result.at("tokens").at("prefilled") == 150);
  CHECK(scene.get("calc.py") == "def add(a, b):\n    return a + b\n");
  const auto requests = server.requests();
  REQUIRE(requests.size() == 4);
  const Json first = parse_json(requests[0].body, "body"), last = parse_json(requests[3].body, "");
  const std::string system = first.at("messages").at(0).at("content");
  CHECK(system.find("Never use tabs here.") != std::string::npos);
  // What was sent once is sent again to the letter, so that a server's prefix cache serves it.
  CHECK(last.at("messages").at(0) == first.at("messages").at(0));
  CHECK(last.at("messages").at(1) == first.at("messages").at(1));
  CHECK(last.at("tools") == first.at("tools"));
  CHECK(requests[0].body.size() < 6000);  // the fixed prompt: text, tools, task
}

TEST_CASE("a model whose call was cut off is told so, and nothing of it is done") {
  if (!sandbox_works()) return;
  const Scene scene;
  const Json whole = {{"path", "new.py"}, {"content", "a = 1\n"}};
  HttpServer server({call_stream("write_file", whole, "length"), call_stream("write_file", whole),
                     call_stream("finish", {{"summary", "written"}})});
  const ProcessResult process = run_remote(scene, server);
  INFO(process.err);
  CHECK(scene.get("new.py") == "a = 1\n");
  const auto requests = server.requests();
  REQUIRE(requests.size() >= 2);
  CHECK(requests[1].body.find("cut off at 4096 tokens") != std::string::npos);
}

TEST_CASE("a server that refuses ends the run with exit code 5 and its own words") {
  if (!sandbox_works()) return;
  const Scene scene;
  HttpServer server({http_answer(404, R"({"error":{"message":"no model small"}})")});
  const ProcessResult process = run_remote(scene, server);
  CHECK(process.exit_code == 5);
  const Json result = result_of(process);
  CHECK(result.at("status") == "error");
  CHECK(result.at("message").get<std::string>().find("no model small") != std::string::npos);
}

TEST_CASE("what a person's policy file hides, the check does not see either") {
  if (!sandbox_works()) return;
  const Scene scene;
  std::filesystem::create_directories(scene.root() / "config/corvid");
  std::filesystem::create_directories(scene.workspace() / "keys");
  scene.put("keys/a.pem", "hidden words\n");
  write_file_atomic(scene.root() / "config/corvid/policy.toml",
                    "[[path]]\npattern = \"keys/**\"\naccess = \"any\"\ndecision = \"deny\"\n");
  const Json print = call("write_file", {{"path", "show.py"},
                                         {"content", "print(open('keys/a.pem').read())\n"}});
  const ProcessResult process = scene.run({print}, {"--verify", "python3 show.py", "--max-checks", "1"});
  INFO(process.out);
  CHECK(result_of(process).at("status") == "failed");
  CHECK(process.out.find("hidden words") == std::string::npos);
  CHECK(process.out.find("keys/a.pem") != std::string::npos);
}

TEST_CASE("a person's policy file holds in a run") {
  if (!sandbox_works()) return;
  const Scene scene;
  std::filesystem::create_directories(scene.root() / "config/corvid");
  write_file_atomic(scene.root() / "config/corvid/policy.toml",
                    "[[path]]\npattern = \"calc.py\"\naccess = \"write\"\ndecision = \"deny\"\n"
                    "reason = \"calc is frozen\"\n");
  const std::string model = scene.script(
      {call("read_file", {{"path", "calc.py"}}),
       call("edit_file", {{"path", "calc.py"}, {"old_text", "a - b"}, {"new_text", "a + b"}}),
       call("finish", {{"summary", "done"}})});
  const ProcessResult process = scene.corvid(
      {"run", "repair it", "--workspace", scene.workspace().string(), "--model", model, "--json"});
  CHECK(process.exit_code == 3);
  CHECK(result_of(process).at("status") == "denied");
  CHECK(scene.get("calc.py").find("a - b") != std::string::npos);
}
