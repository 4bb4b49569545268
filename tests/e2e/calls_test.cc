// Several calls in one turn, the plan, notes, and the limit on tokens.

#include <catch2/catch.hpp>

#include "tests/e2e/fixture.h"
#include "tests/support/http_server.h"

using namespace corvid;
using namespace corvid::test;

namespace {

std::vector<Json> events_of(const Scene& scene, const Json& result) {
  return json_lines(scene.shown(result));
}

Json one_of(const std::string& name, const Json& arguments) {
  return {{"name", name}, {"arguments", arguments}};
}

}  // namespace

TEST_CASE("calls that only read are answered together and in their order") {
  if (!sandbox_works()) return;
  const Scene scene;
  Json calls = Json::array({one_of("read_file", {{"path", "calc.py"}}),
                            one_of("search", {{"pattern", "assertEqual"}}),
                            one_of("read_file", {{"path", "missing.py"}}),
                            one_of("list_files", Json::object()),
                            one_of("edit_file", {{"path", "calc.py"},
                                                 {"old_text", "a - b"},
                                                 {"new_text", "a + b"}})});
  const Json result =
      result_of(scene.run({{{"calls", calls}}, call("finish", {{"summary", "done"}})}));
  CHECK(result.at("status") == "unverified");
  CHECK(scene.get("calc.py").find("a + b") != std::string::npos);  // what was read may be edited
  std::vector<std::string> decided;
  for (const Json& event : events_of(scene, result)) {
    if (event.at("type") == "action_decided") decided.push_back(event.at("tool"));
  }
  const std::vector<std::string> answers = scene.answers_of(result);
  REQUIRE(answers.size() == 6);
  CHECK(answers[0].find("1|def add") != std::string::npos);
  CHECK(answers[1].find("test_calc.py:7|") != std::string::npos);
  CHECK(answers[2].find("no such file") != std::string::npos);
  CHECK(answers[3].find("test_calc.py\n") != std::string::npos);
  CHECK(decided[3] == "list_files");
}

TEST_CASE("calls that only read run side by side, and their answers keep the order of the calls") {
  if (!sandbox_works()) return;
  const Scene scene;
  HttpServer server({http_answer(200, "one of three", "text/plain")}, 3);
  Json calls = Json::array();
  for (const char* path : {"/c", "/a", "/b"}) {
    calls.push_back(one_of("fetch_url", {{"url", server.url() + path}}));
  }
  const Json result = result_of(scene.run({{{"calls", calls}}, call("finish", {{"summary", "x"}})},
                                          {"--allow-host", "127.0.0.1"}));
  CHECK(result.at("status") == "unverified");
  CHECK(server.requests().size() == 3);  // each was answered only once all were there
  std::vector<std::string> order;
  for (const std::string& text : scene.answers_of(result)) {
    if (text.starts_with("untrusted text")) order.push_back(text.substr(text.find(" (") - 2, 2));
  }
  CHECK(order == std::vector<std::string>{"/c", "/a", "/b"});
}

TEST_CASE("the plan is in the log, and what it says can be forgotten") {
  if (!sandbox_works()) return;
  const Scene scene;
  const Json steps = {{{"step", "ask the purple dragon"}, {"status", "doing"}}, {{"step", "go"}}};
  const Json result = result_of(scene.run(
      {call("plan", {{"steps", steps}}), call("finish", {{"summary", "done"}})}));
  const std::string id = result.at("session");
  const std::string shown = scene.corvid({"sessions", "show", id}).out;
  CHECK(shown.find("[>] ask the purple dragon") != std::string::npos);
  CHECK(scene.corvid({"memory", "forget", "--text", "purple dragon", "--yes"}).exit_code == 0);
  CHECK(scene.files_with("purple dragon").empty());
}

TEST_CASE("a note is recalled in a later run of the workspace") {
  if (!sandbox_works()) return;
  const Scene scene;
  scene.run({call("memory_note", {{"text", "the repair always needs BLUE_PORT"}}),
              call("finish", {{"summary", "done"}})});
  const Json later = result_of(scene.run({call("finish", {{"summary", "done"}})}));
  bool is_told = false;
  for (const Json& event : events_of(scene, later)) {
    if (event.at("type") != "message_added" || event.at("message").at("role") != "user") continue;
    is_told = is_told || event.at("message").at("content").get<std::string>().find(
                             "BLUE_PORT") != std::string::npos;
  }
  CHECK(is_told);
}

TEST_CASE("a run stops at its limit on tokens, and says so") {
  if (!sandbox_works()) return;
  const Scene scene;
  std::vector<Json> replies;
  for (int i = 0; i < 30; ++i) {
    replies.push_back(call("search", {{"pattern", "pattern" + std::to_string(i)}}));
  }
  const ProcessResult process = scene.run(replies, {"--max-tokens-total", "60"});
  const Json result = result_of(process);
  CHECK(process.exit_code == 4);
  CHECK(result.at("status") == "limit");
  CHECK(result.at("message").get<std::string>().find("60 tokens") != std::string::npos);
  CHECK(result.at("turns").get<int>() < 20);
}
