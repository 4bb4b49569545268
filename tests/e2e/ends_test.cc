// How runs end: exit codes, failures of the model and of the machine, what is left behind.

#include <csignal>
#include <map>

#include <catch2/catch.hpp>

#include "runtime/base/error.h"
#include "runtime/run_scratch.h"
#include "runtime/session.h"
#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;
namespace fs = std::filesystem;

namespace {

const std::string kWrong = "    return a - b", kRight = "    return a + b";

ProcessResult play(const Scene& scene, const std::vector<Json>& replies,
                  const std::vector<std::string>& more = {},
                  const std::map<std::string, std::string>& environment = {}) {
  std::vector<std::string> arguments = {"run",
                                        "repair it",
                                        "--model",
                                        scene.script(replies),
                                        "--json",
                                        "--workspace",
                                        scene.workspace().string()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return scene.corvid(arguments, environment);
}

Json read_calc() { return call("read_file", {{"path", "calc.py"}}); }
Json repair_calc() {
  return call("edit_file", {{"path", "calc.py"}, {"old_text", kWrong}, {"new_text", kRight}});
}
Json finish() { return call("finish", {{"summary", "done"}}); }

Json only_for(Json reply, const std::string& lineage) {
  reply["lineage"] = lineage;
  return reply;
}

size_t run_folders(const Scene& scene) {
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(scene.root() / "cache" / "corvid" / "tmp")) {
    count += entry.is_directory();
  }
  return count;
}

}  // namespace

TEST_CASE("a model that fails ends the run with 5, and what Corvid lacks with 6") {
  if (!sandbox_works()) return;
  const Scene scene;
  const ProcessResult model = play(scene, {read_calc(), {{"fail", "the wires are cut"}}});
  CHECK(model.exit_code == 5);
  CHECK(result_of(model).at("status") == "error");
  CHECK(result_of(model).at("message").get<std::string>().find("the wires are cut") !=
        std::string::npos);

  scene.put("../broken.gguf", "GGUF, but not really");
  const ProcessResult broken =
      scene.corvid({"run", "x", "--json", "--workspace", scene.workspace().string(), "--model",
                    (scene.root() / "broken.gguf").string()});
  CHECK(broken.exit_code == 5);
  CHECK(result_of(broken).at("exit_code") == 5);

  const ProcessResult no_jail = play(scene, {finish()}, {}, {{"CORVID_JAIL", "/no/such/jail"}});
  CHECK(no_jail.exit_code == 6);
  CHECK(result_of(no_jail).at("exit_code") == 6);

  const ProcessResult no_tables = play(scene, {finish()}, {}, {{"CORVID_SHARE", "/no/such"}});
  CHECK((no_tables.exit_code == 6 || no_tables.exit_code == 0));  // the source tree has them

  write_file_atomic(scene.root() / "file", "");
  const ProcessResult no_data =
      run_process({std::string(CORVID_BINARY_DIR) + "/corvid", "run", "x", "--json", "--workspace",
                   scene.workspace().string(), "--model", scene.script({finish()})},
                  {{"XDG_DATA_HOME", (scene.root() / "file").string()},
                   {"XDG_CACHE_HOME", (scene.root() / "cache").string()},
                   {"XDG_CONFIG_HOME", (scene.root() / "config").string()}});
  CHECK(no_data.exit_code == 6);
  CHECK(result_of(no_data).at("status") == "error");
}

TEST_CASE("one attempt's failure leaves the others in the race") {
  if (!sandbox_works()) return;
  const Scene scene;
  // The first attempt's model fails, the second one's edit is wrong, the third repairs.
  const ProcessResult done = play(
      scene,
      {read_calc(),
       call("edit_file", {{"path", "calc.py"}, {"old_text", kWrong}, {"new_text", kWrong + " "}}),
       only_for({{"fail", "out of memory"}}, "main"),
       only_for(call("edit_file",
                     {{"path", "calc.py"}, {"old_text", kWrong + " "}, {"new_text", kRight}}),
                "main.a2"),
       finish()},
      {"--verify", kCheck, "--attempts", "3"});
  INFO(done.err);
  const Json result = result_of(done);
  CHECK(result.at("status") == "verified");
  CHECK(done.exit_code == 0);
  CHECK(result.at("attempts").at("winner") == 2);
  CHECK(scene.get("calc.py").find("return a + b") != std::string::npos);
  std::map<int, std::string> statuses;
  for (const Json& line : json_lines(done.out)) {
    if (line.at("type") == "attempt_ended") statuses[line.at("attempt")] = line.at("status");
  }
  CHECK(statuses == std::map<int, std::string>{{0, "error"}, {1, "failed"}, {2, "verified"}});
}

TEST_CASE("when every attempt's model fails the run does, with 5") {
  if (!sandbox_works()) return;
  const Scene scene;
  const ProcessResult done = play(scene, {read_calc(), repair_calc(), {{"fail", "out of memory"}}},
                                 {"--verify", kCheck, "--attempts", "3"});
  CHECK(done.exit_code == 5);
  CHECK(result_of(done).at("status") == "error");
  CHECK(scene.get("calc.py").find(kWrong) != std::string::npos);
}

TEST_CASE("attempts that pass only with changed tests are unverified and change nothing") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::string test = scene.get("test_calc.py");
  const ProcessResult done = play(scene,
                                 {call("read_file", {{"path", "test_calc.py"}}),
                                  call("edit_file", {{"path", "test_calc.py"},
                                                     {"old_text", "add(2, 3), 5"},
                                                     {"new_text", "add(2, 3), -1"}}),
                                  finish()},
                                 {"--verify", kCheck, "--attempts", "3"});
  const Json result = result_of(done);
  CHECK(result.at("status") == "unverified");
  CHECK(done.exit_code == 2);
  CHECK(result.at("changed_tests") == Json{"test_calc.py"});
  CHECK(result.at("attempts").at("winner").is_null());
  CHECK(result.at("attempts").at("tried") == 3);
  CHECK(result.at("message").get<std::string>().find("test_calc.py") != std::string::npos);
  CHECK(result.at("changed_files").empty());
  CHECK(scene.get("test_calc.py") == test);
}

TEST_CASE("folders of killed runs are swept by the next run, those of live ones never") {
  if (!sandbox_works()) return;
  const Scene scene;
  const ProcessResult killed =
      play(scene, {read_calc(), repair_calc(), finish()}, {"--verify", kCheck, "--attempts", "2"},
          {{"CORVID_TEST_KILL_AFTER_EVENTS", "12"}});
  REQUIRE(killed.signal == SIGKILL);
  REQUIRE(run_folders(scene) == 1);
  const runtime::RunScratch live(scene.root() / "cache" / "corvid" / "tmp");
  CHECK(run_folders(scene) == 1);  // its own: making one sweeps, too
  write_file_atomic(live.path() / "file", "mine");
  REQUIRE(play(scene, {finish()}).exit_code == 0);
  CHECK(run_folders(scene) == 1);
  CHECK(read_file(live.path() / "file") == "mine");
}

TEST_CASE("a resumed run knows what the start's snapshot left out") {
  if (!sandbox_works()) return;
  const Scene scene;
  scene.put("tests/large.bin", std::string(17 << 20, 'x'));
  const std::string check = kCheck + " && test -s tests/large.bin";
  const ProcessResult killed = play(scene, {read_calc(), repair_calc(), finish(), finish()},
                                   {"--verify", check}, {{"CORVID_TEST_KILL_AFTER_EVENTS", "15"}});
  REQUIRE(killed.signal == SIGKILL);
  std::string id;
  for (const auto& entry : fs::directory_iterator(scene.data() / "sessions")) {
    id = entry.path().filename().string();
  }
  const ProcessResult resumed = scene.corvid({"run", "--resume", id, "--json"});
  const Json result = result_of(resumed);
  // A large file beneath tests/ that was there all the time is no added test.
  CHECK(result.at("status") == "verified");
  CHECK_FALSE(result.contains("changed_tests"));
}

TEST_CASE("a memory that takes nothing does not end a run, and gets it from the log afterwards") {
  if (!sandbox_works()) return;
  const Scene scene;
  REQUIRE(play(scene, {finish()}).exit_code == 0);
  const auto sql = [&](const std::string& text) {
    return run_process({"python3", "-c",
                        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
                        "c.execute(sys.argv[2]); c.commit()",
                        (scene.data() / "memory" / "memory.db").string(), text},
                       {})
        .exit_code;
  };
  REQUIRE(sql("CREATE TRIGGER full BEFORE INSERT ON turn "
              "BEGIN SELECT RAISE(ABORT, 'no space'); END") == 0);
  const ProcessResult done = play(scene, {{{"text", "the answer is fortytwo"}}});
  CHECK(done.exit_code == 0);
  CHECK(done.err.find("no space") != std::string::npos);
  REQUIRE(sql("DROP TRIGGER full") == 0);
  const std::string id = result_of(done).at("session");
  REQUIRE(scene.corvid({"run", "more", "--resume", id, "--json"}).exit_code == 0);
  CHECK(scene.corvid({"memory", "search", "fortytwo", "--json"}).out.find("answer is fortytwo") !=
        std::string::npos);
}

TEST_CASE("a workspace and Corvid's own folders do not lie in one another") {
  const Scene scene;
  for (const fs::path& folder : {scene.root(), scene.data(), scene.root() / "cache" / "corvid"}) {
    fs::create_directories(folder);
    const ProcessResult refused = scene.corvid({"run", "x", "--workspace", folder.string(),
                                                "--model", scene.script({finish()}), "--json"});
    CHECK(refused.exit_code == 1);
    CHECK(refused.err.find("XDG_DATA_HOME") != std::string::npos);
    CHECK_FALSE(fs::exists(scene.data() / "sessions"));
  }
}

TEST_CASE("no hook is planted in a repository within the workspace; ignored ones are set aside") {
  if (!namespaces_work()) return;
  const Scene scene;
  for (const char* path : {".git/HEAD", "sub/.git/HEAD", "build/dep/.git/HEAD"}) {
    scene.put(path, "ref: refs/heads/main\n");
  }
  for (const char* folder :
       {".git/objects", ".git/refs", "sub/.git/hooks", "build/dep/.git/hooks"}) {
    fs::create_directories(scene.workspace() / folder);
  }
  scene.put(".gitignore", "build/\n");
  scene.put("module/.git", "gitdir: ../.git/modules/module\n");
  const ProcessResult done =
      play(scene, {call("shell", {{"command",
                                  "echo x > sub/.git/hooks/pre-commit; "
                                  "echo x > module/.git; mv sub gone; "
                                  "echo x > build/dep/.git/hooks/pre-commit; "
                                  "echo x > sub/code.py; true"}}),
                  finish()});
  CHECK(done.exit_code == 0);
  CHECK_FALSE(fs::exists(scene.workspace() / "sub/.git/hooks/pre-commit"));
  CHECK(scene.get("module/.git") == "gitdir: ../.git/modules/module\n");
  CHECK(scene.get("sub/code.py") == "x\n");
  CHECK_FALSE(fs::exists(scene.workspace() / "build/dep/.git"));
  CHECK(fs::exists(scene.workspace() / "build/dep/.git-set-aside-1/.git/hooks/pre-commit"));
}

TEST_CASE("mistakes in the options of a run are told, with what to do") {
  const Scene scene;
  const std::string work = scene.workspace().string();
  const auto told = [&](std::vector<std::string> arguments, const std::string& words) {
    const ProcessResult refused = scene.corvid(std::move(arguments));
    INFO(refused.err);
    CHECK(refused.exit_code == 1);
    CHECK(refused.err.find(words) != std::string::npos);
  };
  told({"run", "--resume", "2026", "--verify", "true"}, "leave it out");
  told({"run", "x", "--restore"}, "--resume ID");
  told({"run", "x", "-w", work, "--model", scene.script({finish()}), "--allow-read", "/no/such"},
       "no such folder: /no/such");
}

TEST_CASE("escape sequences of models, files and sessions are shown, never executed") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::string escape = "\x1b]0;owned\x07";
  const fs::path work = scene.root() / ("w" + escape);
  fs::create_directories(work);
  Json odd = call("no" + escape, {{"key" + escape, "value" + escape}});
  const ProcessResult done =
      scene.corvid({"run", "do" + escape, "--workspace", work.string(), "--model",
                    scene.script({odd, {{"text", "said " + escape}}})});
  CHECK(done.exit_code == 0);
  CHECK((done.out + done.err).find('\x1b') == std::string::npos);
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"sessions", "list"},
                                             {"sessions", "show"},
                                             {"memory", "list"},
                                             {"memory", "search", "do"},
                                             {"memory", "show", "t1"},
                                             {"memory", "why", "t1"},
                                             {"sessions", "show", "no" + escape}}) {
    const ProcessResult shown = scene.corvid(arguments);
    INFO(arguments[1]);
    CHECK((shown.out + shown.err).find('\x1b') == std::string::npos);
  }
}

TEST_CASE("a model that repeats itself after a failed check has failed") {
  if (!sandbox_works()) return;
  const Json write = call("write_file", {{"path", "notes.md"}, {"content", "x"}});
  for (const std::vector<std::string>& more :
       std::vector<std::vector<std::string>>{{}, {"--attempts", "1", "--max-checks", "4"}}) {
    const Scene scene;
    std::vector<std::string> arguments = {"--verify", "false"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProcessResult done = play(scene, {write}, arguments);
    const Json result = result_of(done);
    CHECK(result.at("status") == "failed");
    CHECK(done.exit_code == 2);
    CHECK(result.at("checks_run").get<int>() < 4);
  }
}

TEST_CASE("attempts that reach a limit say which") {
  if (!sandbox_works()) return;
  std::vector<Json> replies = {read_calc(), repair_calc()};
  replies.insert(replies.end(), 12, read_calc());
  const auto message = [&](const std::vector<std::string>& more) {
    const Scene scene;
    std::vector<std::string> arguments = {"--verify", kCheck, "--attempts", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProcessResult done = play(scene, replies, arguments);
    CHECK(done.exit_code == 4);
    return result_of(done).at("message").get<std::string>();
  };
  CHECK(message({}).find("repeats itself") != std::string::npos);
  CHECK(message({}).find("--max-turns") == std::string::npos);
  CHECK(message({"--max-turns", "3"}).find("--max-turns") != std::string::npos);
  CHECK(message({"--max-tokens-total", "90"}).find("--max-tokens-total") != std::string::npos);
}

TEST_CASE("an interrupted run counts the attempts that it made, and a resumed one only its own") {
  if (!sandbox_works()) return;
  const auto with_wait = [](const std::string& command) {
    return std::vector<Json>{read_calc(), call("write_file", {{"path", "a.md"}, {"content", "x"}}),
                             only_for(call("shell", {{"command", command}}), "main.a1"), finish()};
  };
  const std::vector<std::string> more = {"--verify", kCheck, "--attempts", "2"};
  // All events but those that come after the second attempt's command began.
  size_t count = 0;
  {
    const Scene scene;
    bool is_waiting = false;
    for (const Json& line : event_lines(play(scene, with_wait("true"), more).out)) {
      const bool is_second = line.value("attempt", -1) == 1;
      count += !(is_second && is_waiting);
      is_waiting = is_waiting || (is_second && line.at("type") == "action_decided" &&
                                  line.at("tool") == "shell");
    }
    --count;  // the result
  }
  const Scene scene;
  const ProcessResult cut = play(scene, with_wait("sleep 60"), more,
                                {{"CORVID_TEST_INTERRUPT_AFTER_EVENTS", std::to_string(count)}});
  const Json result = result_of(cut);
  INFO(cut.out);
  CHECK(result.at("status") == "interrupted");
  CHECK(result.at("attempts").at("tried") == 1);
  CHECK(result.at("checks_run") == 1);
  const auto sums = [](const ProcessResult& process) {
    int turns = 0;
    int64_t tokens = 0;
    for (const Json& line : json_lines(process.out)) {
      if (line.at("type") != "turn") continue;
      ++turns;
      tokens += line.at("tokens").at("generated").get<int64_t>();
    }
    return std::pair(turns, tokens);
  };
  const auto told = [](const Json& each) {
    return std::pair(each.at("turns").get<int>(),
                     each.at("tokens").at("generated").get<int64_t>());
  };
  CHECK(told(result) == sums(cut));
  CHECK(sums(cut).first > 3);
  scene.script(with_wait("true"));
  const ProcessResult resumed =
      scene.corvid({"run", "--resume", result.at("session"), "--json"});
  CHECK(told(result_of(resumed)) == sums(resumed));
  CHECK(result_of(resumed).at("status") == "failed");
}

TEST_CASE("a further task begins with what stands there: a person's edits are not the model's") {
  if (!sandbox_works()) return;
  const Scene scene;
  const Json wish = call("edit_file", {{"path", "calc.py"},
                                       {"old_text", kRight},
                                       {"new_text", kRight + " + 1"}});
  const Json first =
      result_of(play(scene, {read_calc(), repair_calc(), finish(), read_calc(), wish, finish()},
                     {"--verify", kCheck}));
  REQUIRE(first.at("status") == "verified");
  std::string test = scene.get("test_calc.py");
  test.replace(test.find("3), 5"), 5, "3), 6");
  scene.put("test_calc.py", test);
  const ProcessResult done =
      scene.corvid({"run", "one more", "--resume", first.at("session"), "--json"});
  const Json result = result_of(done);
  CHECK(result.at("status") == "verified");
  CHECK_FALSE(result.contains("changed_tests"));
  CHECK(done.exit_code == 0);
}

TEST_CASE("a mistake in a model's profile is the model's failure, told as a result") {
  const std::vector<Json> profiles = {{{"tools", {"no_such_tool"}}},
                                      {{"attempts", "many"}},
                                      {{"offered", {{"read_file.path", "nowhere"}}}},
                                      Json::array()};
  for (const Json& profile : profiles) {
    const Scene scene;
    CAPTURE(profile.dump());
    const ProcessResult done = play(scene, {{{"profile", profile}}, finish()});
    CHECK(done.exit_code == 5);
    CHECK(result_of(done).at("exit_code") == 5);
  }
}
