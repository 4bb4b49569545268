// Text from the web in a run: what it may do afterwards; and budgets.

#include <catch2/catch.hpp>

#include "tests/e2e/fixture.h"
#include "tests/support/http_server.h"

using namespace corvid;
using namespace corvid::test;

namespace {

Json fetch(const HttpServer& server) { return call("fetch_url", {{"url", server.url()}}); }

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void put_rules(const Scene& scene, const std::string& text) {
  std::filesystem::create_directories(scene.root() / "config/corvid");
  write_file_atomic(scene.root() / "config/corvid/policy.toml", text);
}

}  // namespace

TEST_CASE("after a page was read the next request is denied without a person, and on resume too") {
  if (!sandbox_works()) return;
  const Scene scene;
  HttpServer server({http_answer(200, "a page", "text/plain")});
  const std::vector<Json> replies = {fetch(server), fetch(server),
                                     call("shell", {{"command", "echo works"}}),
                                     call("finish", {{"summary", "done"}}), fetch(server),
                                     call("finish", {{"summary", "done"}})};
  const ProcessResult process = scene.run(replies, {"--allow-host", "127.0.0.1"});
  const Json result = result_of(process);
  CHECK(result.at("status") == "denied");
  CHECK(process.exit_code == 3);
  const auto answers = scene.answers_of(result);
  REQUIRE(answers.size() == 4);
  CHECK(holds(answers[0], "a page"));
  CHECK(holds(answers[1], "denied: this run has read text from the web"));
  CHECK(holds(answers[2], "works"));
  CHECK(server.requests().size() == 1);
  const std::string log = scene.shown(result);
  CHECK(holds(log, "\"untrusted\":true"));
  CHECK(holds(log, R"(\"after_untrusted\":true)"));
  const Json later = result_of(scene.corvid(
      {"run", "--resume", result.at("session").get<std::string>(), "once more", "--json"}));
  CHECK(later.at("status") == "denied");
  CHECK(server.requests().size() == 1);
}

TEST_CASE("a host that the rules allow afterwards is reached again") {
  if (!sandbox_works()) return;
  const Scene scene;
  put_rules(scene,
            "[[host]]\nhost = \"127.0.0.1\"\ndecision = \"allow\"\nafter_untrusted = \"allow\"\n");
  HttpServer server({http_answer(200, "a page", "text/plain")});
  const Json result = result_of(
      scene.run({fetch(server), fetch(server), call("finish", {{"summary", "done"}})}));
  CHECK(result.at("status") == "unverified");
  CHECK(server.requests().size() == 2);
}

TEST_CASE("in mode full a command has no network once a page was read, and says why it failed") {
  if (!sandbox_works()) return;
  const Scene scene;
  HttpServer server({http_answer(200, "a page", "text/plain")});
  const Json get = call("shell", {{"command", "python3 -c \"import urllib.request as u; print("
                                              "u.urlopen('" + server.url() + "').read())\""}});
  const Json result = result_of(scene.run(
      {get, fetch(server), get, call("finish", {{"summary", "done"}})}, {"--mode", "full"}));
  const auto answers = scene.answers_of(result);
  REQUIRE(answers.size() == 4);
  CHECK(holds(answers[0], "a page"));
  CHECK_FALSE(holds(answers[2], "a page"));
  CHECK(holds(answers[2], "[this run has read text from the web"));
  CHECK(result.at("status") == "unverified");
}

TEST_CASE("after a page was read the check has no network either, traced or not") {
  if (!namespaces_work()) return;
  for (const bool has_read : {true, false}) {  // the second is the control
    const Scene scene;
    HttpServer server({http_answer(200, "a page", "text/plain")});
    const std::string sending = "import urllib.request\ntry:\n    urllib.request.urlopen('" +
                                server.url() +
                                "/sent', timeout=5)\nexcept Exception:\n    pass\n\n\n"
                                "def add(a, b):\n    return a - b\n";
    std::vector<Json> replies = {
        call("read_file", {{"path", "calc.py"}}),
        call("write_file", {{"path", "calc.py"}, {"content", sending}}),
        call("suggest_edits", Json::object()), call("finish", {{"summary", "done"}})};
    if (has_read) replies.insert(replies.begin(), fetch(server));
    const std::string place = server.url().substr(std::string("http://").size());
    const Json result = result_of(scene.run(
        replies, {"--allow-host", place, "--verify", kCheck, "--max-checks", "1"}));
    INFO(scene.shown(result));
    CHECK(result.at("status") == "failed");
    CHECK(holds(scene.shown(result), "its check reaches only hosts") == has_read);
    if (has_read) {
      CHECK(server.requests().size() == 1);
    } else {
      CHECK(server.requests().size() >= 2);  // traced, and as the check
    }
  }
}

TEST_CASE("a run with a denied step ends as denied, also when it was interrupted after that") {
  if (!sandbox_works()) return;
  const std::vector<Json> replies = {
      call("shell", {{"command", "sudo make install"}}), call("read_file", {{"path", "calc.py"}}),
      call("finish", {{"summary", "installed"}}), call("finish", {{"summary", "installed"}})};
  const auto run = [&](const Scene& scene, size_t event_count) {
    return scene.corvid(
        {"run", "install it", "--workspace", scene.workspace().string(), "--model",
         scene.script(replies), "--json"},
        {{"CORVID_TEST_INTERRUPT_AFTER_EVENTS", std::to_string(event_count)}});
  };
  size_t denied_at = 0;
  {
    const Scene scene;
    const std::vector<Json> lines = event_lines(run(scene, 1000).out);
    while (lines.at(denied_at++).value("verdict", "") != "deny") {
    }
  }
  int resumed_count = 0;
  for (size_t count = denied_at; count < denied_at + 5; ++count) {
    const Scene scene;
    CAPTURE(count);
    const Json cut = result_of(run(scene, count));
    if (cut.at("status") != "interrupted") continue;
    const ProcessResult resumed = scene.corvid({"run", "--resume", cut.at("session"), "--json"});
    CHECK(result_of(resumed).at("status") == "denied");
    CHECK(resumed.exit_code == 3);
    ++resumed_count;
  }
  CHECK(resumed_count > 0);
}

TEST_CASE("text from the web is known as such when a later run recalls it") {
  if (!sandbox_works()) return;
  const Scene scene;
  HttpServer server({http_answer(200, "the frobnicator listens on port 4711", "text/plain")});
  scene.run({fetch(server), call("finish", {{"summary", "done"}})}, {"--allow-host", "127.0.0.1"});
  const std::string model = scene.script({fetch(server), call("finish", {{"summary", "done"}})});
  const Json result = result_of(scene.corvid(
      {"run", "which port has the frobnicator", "--workspace", scene.workspace().string(),
       "--model", model, "--allow-host", "127.0.0.1", "--json"}));
  CHECK(holds(scene.shown(result), "4711"));
  CHECK(result.at("status") == "denied");
  CHECK(server.requests().size() == 1);
}

TEST_CASE("a run's budget of commands is counted, and what is beyond is denied") {
  if (!sandbox_works()) return;
  const Scene scene;
  put_rules(scene, "[budget]\ncommands = 1\n");
  const Json result = result_of(scene.run(
      {call("shell", {{"command", "echo one"}}), call("shell", {{"command", "echo two"}}),
       call("write_file", {{"path", "a.txt"}, {"content", "x\n"}}),
       call("finish", {{"summary", "done"}})}));
  const auto answers = scene.answers_of(result);
  REQUIRE(answers.size() == 4);
  CHECK(holds(answers[0], "one"));
  CHECK(holds(answers[1], "denied: the run's budget of 1 commands is used up"));
  CHECK(scene.get("a.txt") == "x\n");
  CHECK(result.at("status") == "denied");
  CHECK(holds(scene.corvid({"policy", "explain"}).out, "budget of one run: 1 commands"));
}

TEST_CASE("a secret that a command prints is masked in the session's log") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::string secret = "ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8";
  scene.put("test_calc.py", "print('" + secret + "')\n");
  const Json result = result_of(
      scene.run({call("shell", {{"command", "python3 test_calc.py | tr a-z a-z"}}),
                 call("finish", {{"summary", "done"}})}));
  const auto answers = scene.answers_of(result);
  REQUIRE(answers.size() == 2);
  CHECK(holds(answers[0], "[redacted:"));
  for (const std::string& file : scene.files_with(secret)) {
    INFO(file);
    CHECK(holds(file, "/snapshots/"));  // the workspace's own file
  }
}
