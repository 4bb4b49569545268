// sessions replay: a model's replies again, from the session's log.

#include <catch2/catch.hpp>

#include "tests/e2e/fixture.h"
#include "tests/support/http_server.h"

using namespace corvid;
using namespace corvid::test;

namespace {

std::vector<Json> repair_steps() {
  return {call("read_file", {{"path", "calc.py"}}), call("shell", {{"command", "date +%N"}}),
          call("edit_file", {{"path", "calc.py"}, {"old_text", "a - b"}, {"new_text", "a + b"}}),
          call("finish", {{"summary", "add adds"}})};
}

// The objects of `sessions replay --json`; the last is the result.
std::vector<Json> replayed(const Scene& scene, const std::string& id, int exit_code) {
  const ProcessResult process = scene.corvid({"sessions", "replay", id, "--json"});
  INFO(process.out);
  INFO(process.err);
  CHECK(process.exit_code == exit_code);
  const std::vector<Json> lines = json_lines(process.out);
  REQUIRE_FALSE(lines.empty());
  return lines;
}

}  // namespace

TEST_CASE("a replay finds the same replies, and does nothing again") {
  if (!sandbox_works()) return;
  const Scene scene;
  const Json result = result_of(scene.run(repair_steps(), {"--verify", kCheck}));
  CHECK(result.at("status") == "verified");
  scene.put("calc.py", "mine now\n");
  const std::string log = scene.shown(result);
  const std::string id = result.at("session");
  const std::vector<Json> lines = replayed(scene, id, 0);
  CHECK(lines.size() == 5);
  CHECK(lines.back().at("same") == true);
  CHECK(lines.back().at("turns") == 4);
  CHECK(scene.get("calc.py") == "mine now\n");
  CHECK(scene.shown(result) == log);
  CHECK(scene.corvid({"sessions", "replay"}).out.find("4 turns, all the same") !=
        std::string::npos);
}

TEST_CASE("a replay says where a reply differs, and goes on with what was recorded") {
  if (!sandbox_works()) return;
  const Scene scene;
  const Json result = result_of(scene.run(repair_steps(), {"--verify", kCheck}));
  std::vector<Json> others = repair_steps();
  others[1] = call("shell", {{"command", "ls"}});
  scene.script(others);
  const std::vector<Json> lines = replayed(scene, result.at("session"), 2);
  REQUIRE(lines.size() == 5);
  CHECK(lines[0].at("same") == true);
  CHECK(lines[1].at("same") == false);
  CHECK(lines[1].at("turn") == 2);
  CHECK(dump_json(lines[1].at("recorded")).find("date +%N") != std::string::npos);
  CHECK(dump_json(lines[1].at("now")).find("ls") != std::string::npos);
  CHECK(lines[2].at("same") == true);
  CHECK(lines.back().at("different") == 1);
  const std::string text = scene.corvid({"sessions", "replay"}).out;
  CHECK(text.find("turn 2 differs\n  recorded: shell") != std::string::npos);
}

TEST_CASE("a run of the default model and its attempts is replayed token by token") {
  if (!sandbox_works()) return;
  const Scene scene;
  const Json result = result_of(scene.corvid(
      {"run", "The tests fail. Repair it.", "--workspace", scene.workspace().string(), "--verify",
       kCheck, "--json"}));
  INFO(dump_json(result));
  CHECK(result.at("status") == "verified");
  const std::vector<Json> lines = replayed(scene, result.at("session"), 0);
  CHECK(lines.back().at("turns").get<int>() >= 4);
  CHECK(lines.back().at("different") == 0);
  CHECK(lines.back().at("tokens").get<int>() > 500);
  CHECK(lines.back().at("tokens_differ").is_null());
  int of_attempts = 0;
  for (const Json& line : lines) of_attempts += line.contains("attempt") ? 1 : 0;
  CHECK(of_attempts > 0);
  // The log tells when it was another model, or another text, that was evaluated.
  const auto path = scene.data() / "sessions" / result.at("session") / "tokens.jsonl";
  std::string log = read_file(path);
  const size_t at = log.find("\"tokens\":[");
  REQUIRE(at != std::string::npos);
  log[at + 10] = log[at + 10] == '1' ? '2' : '1';
  write_file_atomic(path, log);
  CHECK_FALSE(replayed(scene, result.at("session"), 2).back().at("tokens_differ").is_null());
}

TEST_CASE("a session in several parts is replayed as one conversation") {
  if (!sandbox_works()) return;
  const Scene scene;
  std::vector<Json> replies = repair_steps();
  replies.push_back(call("list_files", Json::object()));
  replies.push_back(call("finish", {{"summary", "listed"}}));
  const std::string id = result_of(scene.run(replies)).at("session");
  result_of(scene.corvid({"run", "--resume", id, "list the files", "--json"}));
  CHECK(replayed(scene, id, 0).back().at("turns") == 6);
}

TEST_CASE("a model whose replies do not repeat is not replayed") {
  if (!sandbox_works()) return;
  const Scene scene;
  HttpServer server({http_answer(400, "{}")});
  const std::map<std::string, std::string> variables = {{"OPENAI_BASE_URL", server.url()}};
  result_of(scene.corvid({"run", "x", "--workspace", scene.workspace().string(), "--model",
                          "openai:small", "--json"},
                         variables));
  const size_t asked = server.requests().size();
  const ProcessResult process = scene.corvid({"sessions", "replay"}, variables);
  CHECK(process.exit_code == 6);
  CHECK(process.err.find("do not repeat") != std::string::npos);
  CHECK(server.requests().size() == asked);
}
