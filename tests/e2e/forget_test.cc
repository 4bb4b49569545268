#include <catch2/catch.hpp>

#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;

namespace {

ProcessResult run_task(const Scene& scene, const std::string& task, const std::string& model,
                       bool no_memory = false) {
  std::vector<std::string> arguments = {"run",     task,  "--workspace", scene.workspace().string(),
                                        "--model", model, "--json"};
  if (no_memory) arguments.push_back("--no-memory");
  const ProcessResult done = scene.corvid(arguments);
  INFO(done.out << done.err);
  REQUIRE(done.exit_code == 0);
  return done;
}

Json forget(const Scene& scene, std::vector<std::string> what) {
  what.insert(what.begin(), {"memory", "forget"});
  what.insert(what.end(), {"--yes", "--json"});
  const ProcessResult done = scene.corvid(what);
  INFO(done.out << done.err);
  REQUIRE(done.exit_code == 0);
  return parse_json(done.out, "forget");
}

// Every log can be read, also by the program.
void expect_sound(const Scene& scene, size_t count) {
  const ProcessResult listed = scene.corvid({"sessions", "list", "--json"});
  REQUIRE(listed.exit_code == 0);
  const Json sessions = parse_json(listed.out, "sessions");
  CHECK(sessions.size() == count);
  for (const Json& session : sessions) {
    CHECK(session.at("status") != "corrupt");
    CHECK(scene.corvid({"sessions", "show", session.at("id")}).exit_code == 0);
  }
}

std::string noting_script(const Scene& scene, const std::string& secret) {
  return scene.script(
      {call("write_file", {{"path", "notes.txt"}, {"content", "is:\n\"" + secret + "\"\n"}}),
       call("finish", {{"summary", "noted"}})});
}

}  // namespace

TEST_CASE("a fact from run one is used in run two, and after forgetting it is nowhere") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::string secret = "quixotic-4711";
  const std::string model = scene.script({call("finish", {{"summary", "noted"}})});
  run_task(scene, "Note for later: the staging server's code name is " + secret + ".", model);
  const std::string question = "What is the code name of the staging server?";
  const ProcessResult second = run_task(scene, question, model);
  bool is_recalled = false;
  for (const Json& line : json_lines(second.out)) {
    if (line.at("type") != "message_added" || line.at("message").at("role") != "user") continue;
    is_recalled =
        line.at("message").at("content").get<std::string>().find(secret) != std::string::npos;
  }
  CHECK(is_recalled);
  CHECK_FALSE(scene.files_with(secret).empty());

  const ProcessResult refused = scene.corvid({"memory", "forget", "--text", secret});
  CHECK(refused.exit_code == 1);  // nobody said yes
  CHECK_FALSE(scene.files_with(secret).empty());

  const ProcessResult forgotten =
      scene.corvid({"memory", "forget", "--text", secret, "--yes", "--json"});
  INFO(forgotten.out << forgotten.err);
  REQUIRE(forgotten.exit_code == 0);
  CHECK(scene.files_with(secret).empty());
  CHECK(scene.corvid({"memory", "search", "code name of the staging server", "--json"})
            .out.find(secret) == std::string::npos);
  const ProcessResult third = run_task(scene, question, model);
  CHECK(third.out.find(secret) == std::string::npos);
  CHECK(scene.files_with(secret).empty());
}

TEST_CASE("a secret of a known shape is in no log from the start") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::string secret = "ghp_0123456789abcdefghijklmnopqrstuvwxyz";
  run_task(scene, "Keep the token " + secret + " in mind", noting_script(scene, secret));
  CHECK(scene.get("notes.txt").find(secret) != std::string::npos);
  CHECK(scene.files_with(secret) == std::vector<std::string>{});
}

TEST_CASE("forgetting by id takes arguments and diffs") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::string secret = "the heron of the seventh weir nests in an oak";
  run_task(scene, "Keep in mind that " + secret, noting_script(scene, secret));
  CHECK_FALSE(scene.files_with(secret).empty());
  std::vector<std::string> ids;
  const ProcessResult cells = scene.corvid({"memory", "list", "--json"});
  for (const Json& cell : parse_json(cells.out, "cells")) {
    ids.push_back("c" + std::to_string(cell.value("number", 0)));
    if (cell.contains("id") && cell.at("id").is_string()) ids.back() = cell.at("id");
  }
  REQUIRE_FALSE(ids.empty());
  const Json done = forget(scene, ids);
  CHECK(done.at("forgotten").get<int>() > 0);
  INFO(done.dump());
  CHECK(scene.files_with(secret) == std::vector<std::string>{});
  bool is_named = false;
  for (const Json& name : done.at("remaining")) {
    is_named = is_named ||
               name.get<std::string>().find("notes.txt (workspace snapshot") != std::string::npos;
  }
  CHECK(is_named);
  expect_sound(scene, 1);
}

TEST_CASE("forgetting a session takes its log and its memories, and only those") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::string secret = "quixotic-4711", other = "plain-4712";
  const std::string id =
      result_of(run_task(scene, "Note it", noting_script(scene, secret))).at("session");
  run_task(scene, "The code name is " + other, scene.script({call("finish", {{"summary", "ok"}})}));
  forget(scene, {"--session", id});
  CHECK_FALSE(std::filesystem::exists(scene.data() / "sessions" / id));
  CHECK(scene.files_with(secret) == std::vector<std::string>{});
  CHECK_FALSE(scene.files_with(other).empty());
  expect_sound(scene, 1);
}

TEST_CASE("a run without memory is forgotten from its log, in any letter case") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::string secret = "Quixotic-4711";
  run_task(scene, "Note it", noting_script(scene, secret), true);
  const ProcessResult asked = scene.corvid({"memory", "forget", "--text", "quixotic-4711"});
  CHECK(asked.exit_code == 1);
  CHECK(asked.out.find("log of session") != std::string::npos);
  const Json done = forget(scene, {"--text", "QUIXOTIC-4711"});
  CHECK(done.at("forgotten") == 0);
  CHECK(done.at("sessions").size() == 1);
  CHECK(done.at("remaining").size() >= 1);
  CHECK(scene.files_with(secret) == std::vector<std::string>{});
  expect_sound(scene, 1);
}

TEST_CASE("forgetting a word of the log's own form leaves logs that can be read") {
  if (!sandbox_works()) return;
  const Scene scene;
  run_task(scene, "Greet the user", noting_script(scene, "user"));
  for (const char* word : {"user", "tool", "finish", "message"}) forget(scene, {"--text", word});
  CHECK(scene.files_with("Greet the user") == std::vector<std::string>{});
  expect_sound(scene, 1);
}

TEST_CASE("while a session is in use nothing is forgotten, and afterwards all of it is") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::string secret = "quixotic-4711";
  const std::string id =
      result_of(run_task(scene, "It is " + secret, noting_script(scene, secret))).at("session");
  {
    const FileLock busy(scene.data() / "sessions" / id / "lock", "");
    const ProcessResult refused = scene.corvid({"memory", "forget", "--text", secret, "--yes"});
    CHECK(refused.exit_code == 6);
    CHECK(refused.err.find(id) != std::string::npos);
    CHECK(refused.err.find(scene.workspace().string()) != std::string::npos);
    CHECK(refused.err.find("wait until that run has ended or stop it") != std::string::npos);
    CHECK(scene.corvid({"memory", "search", "quixotic", "--json"}).out.find(secret) !=
          std::string::npos);
  }
  CHECK(forget(scene, {"--text", secret}).at("forgotten").get<int>() > 0);
  CHECK(scene.files_with(secret) == std::vector<std::string>{});
}

TEST_CASE("a session in use elsewhere that has nothing to do with it does not stand in the way") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::string secret = "quixotic-4711";
  run_task(scene, "It is " + secret, noting_script(scene, secret));
  const std::filesystem::path other = scene.root() / "other";
  std::filesystem::create_directory(other);
  const ProcessResult elsewhere =
      scene.corvid({"run", "Something else", "--workspace", other.string(), "--model",
                    scene.script({call("finish", {{"summary", "ok"}})}), "--json"});
  const std::string id = result_of(elsewhere).at("session");
  const FileLock busy(scene.data() / "sessions" / id / "lock", "");
  const std::string before = read_file(scene.data() / "sessions" / id / "events.jsonl");
  CHECK(forget(scene, {"--text", secret}).at("forgotten").get<int>() > 0);
  CHECK(scene.files_with(secret) == std::vector<std::string>{});
  CHECK(read_file(scene.data() / "sessions" / id / "events.jsonl") == before);
  // What it holds itself is another matter.
  const ProcessResult refused =
      scene.corvid({"memory", "forget", "--text", "Something else", "--yes"});
  CHECK(refused.exit_code == 6);
  CHECK(refused.err.find(id) != std::string::npos);
}

TEST_CASE("a signal ends the question whether to forget, and nothing is erased") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::string secret = "quixotic-4711";
  run_task(scene, "It is " + secret, scene.script({call("finish", {{"summary", "ok"}})}));
  const ProcessResult stopped = run_process(
      {"bash", "-c",
       "mkfifo \"$1/in\"; exec 3<>\"$1/in\"; exec timeout --preserve-status -s INT -k 20 2 "
       "\"$2\" memory forget --text " +
           secret + " <&3",
       "bash", scene.root().string(), std::string(CORVID_BINARY_DIR) + "/corvid"},
      {{"XDG_DATA_HOME", (scene.root() / "data").string()},
       {"XDG_CACHE_HOME", (scene.root() / "cache").string()},
       {"XDG_CONFIG_HOME", (scene.root() / "config").string()}});
  INFO(stopped.out << stopped.err);
  CHECK(stopped.exit_code == 130);
  CHECK_FALSE(scene.files_with(secret).empty());
}

TEST_CASE("a text of AGENTS.md and the name of a tool go from the log; a file's name is listed") {
  if (!sandbox_works()) return;
  const Scene scene;
  write_file_atomic(scene.workspace() / "AGENTS.md", "Never feed ZEBRA4711.\n");
  write_file_atomic(scene.workspace() / "geheim-Quokka99.txt", "nothing\n");
  run_task(scene, "Note it",
           scene.script({call("Wombat77tool", Json::object()),
                         call("write_file", {{"path", "notes.txt"}, {"content", "noted\n"}}),
                         call("finish", {{"summary", "noted"}})}));
  for (const std::string text : {"ZEBRA4711", "Wombat77", "Quokka99"}) {
    const Json done = forget(scene, {"--text", text});
    INFO(done.dump());
    CHECK(scene.files_with(text) == std::vector<std::string>{});
    CHECK(done.at("sessions").size() == (text == "Quokka99" ? 0 : 1));
    bool is_listed = false;
    for (const Json& name : done.at("remaining")) {
      is_listed = is_listed || name.get<std::string>().find("Quokka99.txt (workspace snapshot") !=
                                   std::string::npos;
    }
    CHECK(is_listed == (text == "Quokka99"));
  }
  expect_sound(scene, 1);
}
