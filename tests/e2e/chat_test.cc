// corvid chat, with a pipe in place of a person, and once with a terminal.

#include <catch2/catch.hpp>

#include "runtime/session.h"
#include "tests/e2e/fixture.h"
#include "tests/support/http_server.h"

using namespace corvid;
using namespace corvid::test;

namespace {

std::map<std::string, std::string> folders(const Scene& scene) {
  std::map<std::string, std::string> variables;
  for (const char* name : {"DATA", "CACHE", "CONFIG"}) {
    std::string folder(name);
    for (char& c : folder) c = char(c - 'A' + 'a');
    variables["XDG_" + std::string(name) + "_HOME"] = (scene.root() / folder).string();
  }
  return variables;
}

ProcessResult chat(const Scene& scene, const std::string& typed, const std::vector<Json>& replies,
                   const std::string& more = "") {
  write_file_atomic(scene.root() / "typed", typed);
  const std::string command = "exec '" + std::string(CORVID_BINARY_DIR) + "/corvid' chat -w '" +
                              scene.workspace().string() + "' -m '" + scene.script(replies) +
                              "' " + more + " < '" + (scene.root() / "typed").string() + "'";
  return run_process({"/bin/sh", "-c", command}, folders(scene));
}

std::vector<runtime::Event> only_session(const Scene& scene) {
  const auto sessions = runtime::list_sessions(scene.data() / "sessions");
  REQUIRE(sessions.size() == 1);
  return runtime::read_events(scene.data() / "sessions" / sessions[0].id / "events.jsonl");
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A chat whose terminal is driven by Python: `steps` may wait until(TEXT) was shown, write to
// `leader` and signal `p`.
ProcessResult chat_at_terminal(const Scene& scene, const std::vector<std::string>& arguments,
                               const std::string& steps) {
  const std::string program =
      "import os, pty, signal, subprocess, sys\n"
      "leader, follower = pty.openpty()\n"
      "p = subprocess.Popen(sys.argv[1:], stdin=follower, stdout=follower, stderr=follower)\n"
      "os.close(follower)\n"
      "seen = b''\n"
      "def until(text):\n"
      "    global seen\n"
      "    while text not in seen: seen += os.read(leader, 4096)\n"
      "    seen = seen[seen.index(text) + len(text):]\n" +
      steps + "sys.exit(p.wait())\n";
  std::vector<std::string> words = {"timeout", "100", "python3", "-c", program,
                                    std::string(CORVID_BINARY_DIR) + "/corvid", "chat", "-w",
                                    scene.workspace().string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return run_process(words, folders(scene));
}

}  // namespace

TEST_CASE("messages of a chat are one conversation; undo takes the last one and its files back") {
  if (!sandbox_works()) return;
  const Scene scene;
  const ProcessResult process = chat(
      scene, "write a\n/diff\nwrite b\n/undo\n/context\n/nonsense\nagain\n",
      {call("write_file", {{"path", "a.txt"}, {"content", "one\n"}}), {{"text", "wrote a"}},
       call("write_file", {{"path", "b.txt"}, {"content", "two\n"}}), {{"text", "wrote b"}}});
  INFO(process.out);
  INFO(process.err);
  CHECK(process.exit_code == 0);
  CHECK(has(process.out, "wrote a\n"));
  CHECK(has(process.out, "+one"));
  CHECK(has(process.out, "put back b.txt"));
  CHECK(has(process.out, "the window is not known"));
  CHECK(has(process.err, "no command /nonsense"));
  CHECK(has(process.err, "go on later: corvid chat --resume"));
  CHECK(scene.get("a.txt") == "one\n");
  CHECK(scene.get("b.txt") == "two\n");  // the script's third reply came again
  std::string said;
  for (const runtime::Message& message : runtime::session_messages(only_session(scene))) {
    if (message.role == runtime::Role::user) said += message.content + "|";
  }
  CHECK(said == "write a|again|");
}

TEST_CASE("a step that the policy asks about is asked at a terminal, and denied without one") {
  if (!sandbox_works()) return;
  const Json push = call("shell", {{"command", "git push origin main"}});
  const auto verdict_of = [](const Scene& scene) {
    std::string verdict;
    for (const runtime::Event& event : only_session(scene)) {
      const auto* decided = std::get_if<runtime::ActionDecided>(&event.body);
      if (decided != nullptr) verdict = decided->verdict;
    }
    return verdict;
  };
  for (const auto& [answer, verdict] : {std::pair{"y", "allow"}, {"n", "deny"}, {"", "deny"}}) {
    const Scene scene;
    const ProcessResult process =
        chat_at_terminal(scene, {"-m", scene.script({push, {{"text", "tried"}}})},
                         "for prompt, line in [(b'> ', b'publish'), (b'n(o) ', b'" +
                             std::string(answer) + "'), (b'> ', b'/quit')]:\n"
                             "    until(prompt)\n"
                             "    os.write(leader, line + b'\\r')\n");
    INFO(process.err);
    CHECK(process.exit_code == 0);
    CHECK(verdict_of(scene) == verdict);
  }
  // A line of a pipe is a message and allows nothing.
  const Scene scene;
  const ProcessResult process = chat(scene, "publish\ny\n", {push, {{"text", "tried"}}});
  INFO(process.err);
  CHECK(has(process.err, "publishing is a person's decision"));
  CHECK(verdict_of(scene) == "deny");
}

TEST_CASE("a chat goes on with a session and with another model") {
  if (!sandbox_works()) return;
  const Scene scene;
  chat(scene, "hello\n", {{{"text", "hello yourself"}}});
  const std::string id = runtime::list_sessions(scene.data() / "sessions").at(0).id;
  write_file_atomic(scene.root() / "other.jsonl",
                    "{\"text\":\"never\"}\n{\"text\":\"I am another\"}\n");
  const ProcessResult process =
      chat(scene, "/model\n/model scripted:" + (scene.root() / "other.jsonl").string() +
                      "\nand who are you?\n",
           {{{"text", "hello yourself"}}}, "--resume " + id);
  INFO(process.err);
  CHECK(has(process.out, "I am another"));
  CHECK(runtime::session_messages(only_session(scene)).size() == 4);
}

TEST_CASE("/compact puts a summary in the place of what was said, and the person's words stay") {
  if (!sandbox_works()) return;
  const auto says = [](const std::string& text) {
    const Json choice = {{"index", 0}, {"delta", {{"content", text}}}, {"finish_reason", "stop"}};
    return sse_answer({dump_json({{"choices", Json::array({choice})}}), "[DONE]"});
  };
  const HttpServer server({says("a long story"), says("Goal: stories."), says("the end")});
  const Scene scene;
  write_file_atomic(scene.root() / "typed",
                    "/compact\ntell me\n/compact\ngo on\n/context\nand now?\n");
  auto variables = folders(scene);
  variables["OPENAI_BASE_URL"] = server.url();
  const ProcessResult process = run_process(
      {"/bin/sh", "-c", "exec '" + std::string(CORVID_BINARY_DIR) + "/corvid' chat -w '" +
                            scene.workspace().string() + "' -m openai:small < '" +
                            (scene.root() / "typed").string() + "'"},
      variables);
  INFO(process.out);
  INFO(process.err);
  CHECK(has(process.err, "nothing was said yet"));
  CHECK(has(process.out, "cut 1 times"));
  const auto requests = server.requests();
  REQUIRE(requests.size() == 4);
  CHECK(has(requests[1].body, "about to be cut"));
  for (const size_t i : {size_t{2}, size_t{3}}) {
    CHECK(has(requests[i].body, "Goal: stories."));
    CHECK(has(requests[i].body, "tell me"));
    CHECK(has(requests[i].body, "go on"));
    CHECK_FALSE(has(requests[i].body, "a long story"));
  }
}

TEST_CASE("a question of the model is answered at a terminal, and there is none without one") {
  if (!sandbox_works()) return;
  const Json question = {{"question", "Which one?"}, {"choices", {"red", "blue"}}};
  const std::vector<Json> replies = {call("ask_user", question), call("ask_user", question),
                                     {{"text", "painted"}}};
  {
    const Scene scene;
    const ProcessResult process = chat_at_terminal(
        scene, {"-m", scene.script(replies)},
        "for prompt, line in [(b'> ', b'paint it'), (b'2  blue', b''), (b'answer: ', b'2'),\n"
        "                     (b'answer: ', b'neither: green'), (b'painted', b''),\n"
        "                     (b'> ', b'/quit')]:\n"
        "    until(prompt)\n"
        "    if line: os.write(leader, line + b'\\r')\n");
    INFO(process.err);
    CHECK(process.exit_code == 0);
    std::string answers;
    for (const runtime::Message& message : runtime::session_messages(only_session(scene))) {
      if (message.role == runtime::Role::tool) answers += message.content + "|";
    }
    CHECK(answers == "blue|neither: green|");
  }
  const Scene piped;
  CHECK(has(chat(piped, "paint it\n", replies).err, "no such tool: ask_user"));
  const Scene alone;
  CHECK(has(alone.run(replies).out, "no such tool: ask_user"));
}

TEST_CASE("on a terminal lines are edited, and Ctrl-C twice ends the chat") {
  const Scene scene;
  const ProcessResult process = chat_at_terminal(scene, {},
                                                 "until(b'> ')\n"
                                                 "os.write(leader, b'/helx\\x7fp\\r')\n"
                                                 "until(b'/undo')\n"
                                                 "until(b'> ')\n"
                                                 "p.send_signal(signal.SIGINT)\n"
                                                 "until(b'once more')\n"
                                                 "until(b'> ')\n"
                                                 "p.send_signal(signal.SIGINT)\n");
  INFO(process.err);
  CHECK(process.exit_code == 0);
}
