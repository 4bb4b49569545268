// Where a run's output goes, and what becomes of the run when it cannot go there.

#include <catch2/catch.hpp>

#include "engine/gguf.h"
#include "runtime/session.h"
#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;
namespace fs = std::filesystem;

namespace {

std::vector<Json> repairing() {
  return {call("shell", {{"command", "sleep 1; ls"}}),
          call("read_file", {{"path", "calc.py"}}),
          call("edit_file", {{"path", "calc.py"}, {"old_text", "a - b"}, {"new_text", "a + b"}}),
          call("finish", {{"summary", "done"}}), call("finish", {{"summary", "done"}})};
}

// A shell command in which "$@" is the program with `arguments`.
ProcessResult in_shell(const Scene& scene, const std::string& script,
                       std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(),
                   {"/bin/bash", "-c", script, "bash", std::string(CORVID_BINARY_DIR) + "/corvid"});
  return run_process(arguments, {{"XDG_DATA_HOME", (scene.root() / "data").string()},
                                 {"XDG_CACHE_HOME", (scene.root() / "cache").string()},
                                 {"XDG_CONFIG_HOME", (scene.root() / "config").string()}});
}

// With a terminal for all of its streams.
ProcessResult on_terminal(const Scene& scene, const std::vector<std::string>& arguments) {
  const std::string program =
      "import os, pty, subprocess, sys\n"
      "leader, follower = pty.openpty()\n"
      "p = subprocess.Popen(sys.argv[1:], stdin=follower, stdout=follower, stderr=follower)\n"
      "os.close(follower)\n"
      "try:\n"
      "    while True: os.write(1, os.read(leader, 4096))\n"
      "except OSError: pass\n"
      "sys.exit(p.wait())\n";
  std::vector<std::string> words = {"env", "TERM=xterm", "python3", "-c", program,
                                    std::string(CORVID_BINARY_DIR) + "/corvid"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return run_process(words, {{"XDG_DATA_HOME", (scene.root() / "data").string()},
                             {"XDG_CACHE_HOME", (scene.root() / "cache").string()},
                             {"XDG_CONFIG_HOME", (scene.root() / "config").string()}});
}

std::vector<std::string> arguments_for(const Scene& scene) {
  return {"run",     "repair it",           "--workspace", scene.workspace().string(),
          "--model", scene.script(repairing()), "--verify",    kCheck};
}

fs::path only_session(const Scene& scene) {
  for (const auto& entry : fs::directory_iterator(scene.data() / "sessions")) return entry.path();
  return {};
}

}  // namespace

TEST_CASE("without --json the diff and the message are on stdout, the progress on stderr") {
  if (!sandbox_works()) return;
  const Scene scene;
  const ProcessResult done = scene.corvid(arguments_for(scene));
  CHECK(done.exit_code == 0);
  CHECK(done.out.find("+    return a + b") != std::string::npos);
  CHECK(done.out.find("verified: the check passes") != std::string::npos);
  CHECK(done.out.find("workspace") == std::string::npos);
  CHECK(done.err.find("verified: the check passes") == std::string::npos);
  CHECK(done.err.find("workspace") != std::string::npos);

  const Scene other;
  const ProcessResult answer = other.corvid({"run", "what is it?", "--workspace",
                                             other.workspace().string(), "--model",
                                             other.script({{{"text", "a calculator"}}})});
  CHECK(answer.exit_code == 0);
  CHECK(answer.out == "a calculator\n");

  const ProcessResult broken = other.corvid({"run", "x", "--workspace", other.workspace().string(),
                                             "--model", other.script({{{"fail", "no wires"}}})});
  CHECK(broken.exit_code == 5);
  CHECK(broken.out.empty());
  CHECK(broken.err.find("no wires") != std::string::npos);
}

TEST_CASE("the first run says what is done and kept; on a terminal something turns meanwhile") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::vector<std::string> arguments = {
      "run", "wait", "--workspace", scene.workspace().string(), "--model",
      scene.script({call("shell", {{"command", "sleep 2"}}), {{"text", "waited"}}})};
  const ProcessResult shown = on_terminal(scene, arguments);
  INFO(shown.out);
  CHECK(shown.exit_code == 0);
  CHECK(shown.out.find("The first run here") != std::string::npos);
  CHECK(shown.out.find((scene.root() / "data").string()) != std::string::npos);
  CHECK(shown.out.find("\r\x1b[K\x1b[2m") != std::string::npos);
  CHECK(shown.out.find(" 1 s") != std::string::npos);
  const ProcessResult again = scene.corvid(arguments);
  CHECK(again.err.find("The first run here") == std::string::npos);
  CHECK(again.err.find("\r\x1b[K") == std::string::npos);
}

TEST_CASE("what a model's file or a model writes cannot steer a terminal") {
  const Scene scene;
  const std::string model = scene.root() / "m.gguf", messages = scene.root() / "messages.json";
  engine::GgufWriter writer;
  for (const char* key : {"general.name", "general.architecture", "tokenizer.ggml.model",
                          "general.\x1b[2Jkey"}) {
    writer.set_string(key, "a\x1b]0;b\x07" "c");
  }
  writer.set_string("tokenizer.chat_template", "{{ messages[0].content }}");
  writer.write(model);
  const ProcessResult info = scene.corvid({"model", "info", model});
  INFO(info.out << info.err);
  CHECK(info.out.find("name          a\\x1b]0;b\\x07c\n") != std::string::npos);
  CHECK(info.out.find('\x1b') == std::string::npos);

  const std::string rest = scene.root() / "template.jinja";
  write_file_atomic(rest, "{{ messages[0].content }}");
  write_file_atomic(messages, R"([{"role": "user", "content": "a\u001b[31mb"}])");
  const std::vector<std::string> render = {"model", "render", "--template", rest, "--messages",
                                           messages};
  CHECK(scene.corvid(render).out == "a\x1b[31mb");
  const ProcessResult shown = on_terminal(scene, render);
  INFO(shown.out);
  CHECK(shown.out.find("a\\x1b[31mb") != std::string::npos);
}

TEST_CASE("a reader that goes away stops the run as Ctrl-C does, and it can be resumed") {
  if (!sandbox_works()) return;
  const Scene scene;
  std::vector<std::string> arguments = arguments_for(scene);
  arguments.push_back("--json");
  const ProcessResult left =
      in_shell(scene, "\"$@\" | head -1 >/dev/null; exit ${PIPESTATUS[0]}", arguments);
  CHECK(left.exit_code == 130);
  const auto events = runtime::read_events(only_session(scene) / "events.jsonl");
  const auto* end = std::get_if<runtime::RunEnded>(&events.back().body);
  REQUIRE(end != nullptr);
  CHECK(parse_json(end->result, "result").at("status") == "interrupted");
  CHECK(scene.get("calc.py").find("a - b") != std::string::npos);
  const std::string id = only_session(scene).filename().string();
  CHECK(result_of(scene.corvid({"run", "--resume", id, "--json"})).at("status") == "verified");
}

TEST_CASE("a run needs no stderr, be it closed or left by its reader") {
  if (!sandbox_works()) return;
  for (const std::string script :
       {"\"$@\" 2>&-", "\"$@\" 2>&1 >/dev/null | true; exit ${PIPESTATUS[0]}"}) {
    const Scene scene;
    CAPTURE(script);
    CHECK(in_shell(scene, script, arguments_for(scene)).exit_code == 0);
    CHECK(scene.get("calc.py").find("a + b") != std::string::npos);
  }
}

TEST_CASE("output that cannot be written is a failure of the machine") {
  if (!sandbox_works()) return;
  for (const std::string script : {"\"$@\" >/dev/full", "\"$@\" --json >/dev/full", "\"$@\" >&-"}) {
    const Scene scene;
    CAPTURE(script);
    const ProcessResult full = in_shell(scene, script, arguments_for(scene));
    CHECK(full.exit_code == 6);
    CHECK(full.err.find("stdout") != std::string::npos);
    CHECK(in_shell(scene, "\"$@\" >/dev/full", {"sessions", "list"}).exit_code == 6);
  }
}
