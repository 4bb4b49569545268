#include <catch2/catch.hpp>

#include <cstdlib>

#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;

namespace {

const std::string kWrong = "    return a - b", kRight = "    return a + b";

std::vector<Json> repair_replies() {
  return {call("shell", {{"command", kCheck}}), call("read_file", {{"path", "calc.py"}}),
          call("edit_file", {{"path", "calc.py"}, {"old_text", kWrong}, {"new_text", kRight}}),
          call("finish", {{"summary", "add adds"}})};
}

std::vector<std::string> run_arguments(const Scene& scene, const std::string& model) {
  return {"run",     "repair it", "--workspace", scene.workspace().string(),
          "--model", model,       "--json"};
}

}  // namespace

TEST_CASE("a task is done, verified in a clean copy, remembered and undone") {
  if (!sandbox_works()) return;
  const Scene scene;
  auto arguments = run_arguments(scene, scene.script(repair_replies()));
  arguments.insert(arguments.end(), {"--verify", kCheck});
  const ProcessResult run = scene.corvid(arguments);
  const Json result = result_of(run);
  CHECK(result.at("status") == "verified");
  CHECK(run.exit_code == 0);
  CHECK(result.at("changed_files") == Json{"calc.py"});
  CHECK(result.at("verify").at("exit_code") == 0);
  CHECK(scene.get("calc.py") == "def add(a, b):\n    return a + b\n");
  int turns = 0;
  for (const Json& line : json_lines(run.out)) turns += line.at("type") == "turn";
  CHECK(turns == result.at("turns"));

  const ProcessResult found =
      scene.corvid({"memory", "search", "how did the repair end", "--json"});
  CHECK(found.out.find("Outcome of the run: verified") != std::string::npos);

  CHECK(scene.corvid({"sessions", "undo", "-w", scene.workspace().string()}).exit_code == 0);
  CHECK(scene.get("calc.py") == "def add(a, b):\n    return a - b\n");
}

TEST_CASE("a claim of success that the check refutes goes back to the model, and then fails") {
  if (!sandbox_works()) return;
  const Scene scene;
  std::vector<Json> script;
  for (int i = 0; i < 8; ++i) script.push_back(call("finish", {{"summary", "done"}}));
  auto arguments = run_arguments(scene, scene.script(script));
  arguments.insert(arguments.end(), {"--verify", kCheck, "--max-checks", "3"});
  const ProcessResult run = scene.corvid(arguments);
  const Json result = result_of(run);
  CHECK(result.at("status") == "failed");
  CHECK(run.exit_code == 2);
  CHECK(result.at("checks_run") == 3);
  CHECK(run.out.find("The check fails (exit code 1)") != std::string::npos);
}

TEST_CASE("a check that passes only with changed tests is not verified") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::string test = scene.get("test_calc.py");
  auto arguments =
      run_arguments(scene, scene.script({call("read_file", {{"path", "test_calc.py"}}),
                                         call("edit_file", {{"path", "test_calc.py"},
                                                            {"old_text", "add(2, 3), 5"},
                                                            {"new_text", "add(2, 3), -1"}}),
                                         call("finish", {{"summary", "done"}})}));
  arguments.insert(arguments.end(), {"--verify", kCheck});
  const ProcessResult run = scene.corvid(arguments);
  const Json result = result_of(run);
  CHECK(result.at("status") == "unverified");
  CHECK(run.exit_code == 2);
  CHECK(result.at("changed_tests") == Json{"test_calc.py"});
}

TEST_CASE("without a check a finished task is unverified, and a denied step says so") {
  if (!sandbox_works()) return;
  const Scene scene;
  const ProcessResult plain = scene.corvid(
      run_arguments(scene, scene.script({call("finish", {{"summary", "nothing to do"}})})));
  CHECK(result_of(plain).at("status") == "unverified");
  CHECK(plain.exit_code == 0);
  CHECK(result_of(plain).at("verify").is_null());
  auto arguments =
      run_arguments(scene, scene.script({call("write_file", {{"path", "new.py"}, {"content", "x"}}),
                                         call("finish", {{"summary", "done"}})}));
  arguments.insert(arguments.end(), {"--mode", "read-only"});
  const ProcessResult denied = scene.corvid(arguments);
  CHECK(result_of(denied).at("status") == "denied");
  CHECK(denied.exit_code == 3);
  CHECK_FALSE(std::filesystem::exists(scene.workspace() / "new.py"));
}

TEST_CASE("the lowest attempt that passes wins, whatever their number") {
  if (!sandbox_works()) return;
  for (const int count : {4, 8}) {
    const Scene scene;
    const std::string model = scene.script(
        {call("read_file", {{"path", "calc.py"}}), call("suggest_edits", Json::object()),
         call("edit_file", {{"choice", "$choice"}}), call("finish", {{"summary", "done"}})});
    auto arguments = run_arguments(scene, model);
    arguments.insert(arguments.end(), {"--verify", kCheck, "--attempts", std::to_string(count)});
    const ProcessResult run = scene.corvid(arguments);
    const Json result = result_of(run);
    INFO(run.out);
    REQUIRE(result.at("status") == "verified");
    CHECK(scene.get("calc.py") == "def add(a, b):\n    return a + b\n");
    CHECK(result.at("attempts").at("winner").get<int>() < 4);
    CHECK(scene.corvid({"sessions", "undo", "-w", scene.workspace().string()}).exit_code == 0);
    CHECK(scene.get("calc.py") == "def add(a, b):\n    return a - b\n");
  }
}

TEST_CASE("without a winner the workspace stays as it was, and every attempt's diff is kept") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::string model = scene.script({call("suggest_edits", Json::object()),
                                          call("edit_file", {{"choice", "$choice"}}),
                                          call("finish", {{"summary", "done"}})});
  auto arguments = run_arguments(scene, model);
  arguments.insert(arguments.end(), {"--verify", "false", "--attempts", "3"});
  const ProcessResult run = scene.corvid(arguments);
  const Json result = result_of(run);
  CHECK(result.at("status") == "failed");
  CHECK(result.at("attempts").at("winner").is_null());
  CHECK(result.at("attempts").at("tried") == 3);
  CHECK(scene.get("calc.py") == "def add(a, b):\n    return a - b\n");
  int diffs = 0;
  for (const Json& line : json_lines(run.out)) {
    if (line.at("type") != "attempt_ended") continue;
    diffs += line.at("diff").get<std::string>().find("+++ b/calc.py") != std::string::npos;
  }
  CHECK(diffs == 3);
}

TEST_CASE("bad requests end with one clear line and change nothing") {
  const Scene scene;
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"run"},
           {"run", "x", "--workspace", "/no/such/folder"},
           {"run", "x", "--workspace", "/", "--model", "scripted:/none"},
           {"run", "x", "--workspace", scene.workspace().string(), "--model", "no-such-model"},
           {"run", "x", "--mode", "wild"},
           {"sessions", "show", "nothing"},
           {"memory", "show", "x1"},
           {"frobnicate"}}) {
    const ProcessResult run = scene.corvid(arguments);
    INFO(arguments.back());
    CHECK(run.exit_code == 1);
    CHECK_FALSE(run.err.empty());
    CHECK_FALSE(std::filesystem::exists(scene.data() / "sessions"));
  }
}

TEST_CASE("one run at a time in a workspace") {
  if (!sandbox_works()) return;
  const Scene scene;
  std::filesystem::create_directories(scene.data() / "locks");
  const ProcessResult first =
      scene.corvid(run_arguments(scene, scene.script({call("finish", {{"summary", "done"}})})));
  REQUIRE(first.exit_code == 0);
  std::filesystem::path lock_path;
  for (const auto& entry : std::filesystem::directory_iterator(scene.data() / "locks")) {
    if (entry.path().extension() == ".lock") lock_path = entry.path();
  }
  const FileLock lock(lock_path, "busy");
  const ProcessResult second =
      scene.corvid(run_arguments(scene, scene.script({call("finish", {{"summary", "done"}})})));
  CHECK(second.exit_code != 0);
  CHECK(second.exit_code == 6);
  const auto refuses = [](const ProcessResult& run) {
    const std::string message = result_of(run).at("message");
    return message.find("another run is under way") != std::string::npos;
  };
  CHECK(refuses(second));
  // Also in a folder of that workspace, and in one that holds it; not beside it.
  const auto run_in = [&](const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    return scene.corvid({"run", "do it", "--workspace", folder.string(), "--model",
                         scene.script({call("finish", {{"summary", "done"}})}), "--json"});
  };
  CHECK(refuses(run_in(scene.workspace() / "part")));
  const ProcessResult beside = run_in(scene.workspace().string() + "-2");
  CHECK(beside.exit_code == 0);
}

TEST_CASE("a run is refused where one is under way in a folder beneath") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::filesystem::path part = scene.workspace() / "part";
  std::filesystem::create_directories(part);
  const std::string model = scene.script({call("finish", {{"summary", "done"}})});
  REQUIRE(scene.corvid({"run", "do it", "--workspace", part.string(), "--model", model, "--json"})
              .exit_code == 0);
  for (const auto& entry : std::filesystem::directory_iterator(scene.data() / "locks")) {
    if (entry.path().extension() != ".lock") continue;
    const FileLock lock(entry.path(), "busy");
    const ProcessResult above = scene.corvid(run_arguments(scene, model));
    CHECK(above.exit_code == 6);
    CHECK(result_of(above).at("message").get<std::string>().find("under way in " + part.string()) !=
          std::string::npos);
  }
  CHECK(scene.corvid(run_arguments(scene, model)).exit_code == 0);
}

TEST_CASE("Corvid's own folders are hidden from commands wherever they are, also in mode full") {
  if (!sandbox_works()) return;
  const Scene scene;
  std::string place = "/var/tmp/corvid-e2e-XXXXXX";
  REQUIRE(::mkdtemp(place.data()) != nullptr);
  std::filesystem::create_directories(place + "/corvid");
  write_file_atomic(place + "/corvid/keys", "the key");
  write_file_atomic(place + "/plain", "the text");
  const std::string model =
      scene.script({call("shell", {{"command", "seq 1 9000"}}),  // too long: it is kept in a file
                    call("shell", {{"command", "cat " + place + "/plain " + place +
                                                   "/corvid/keys; echo $CORVID_OUTPUTS; "
                                                   "ls $CORVID_OUTPUTS " + place + "/corvid"}}),
                    call("finish", {{"summary", "done"}})});
  const ProcessResult run = run_process(
      {std::string(CORVID_BINARY_DIR) + "/corvid", "run", "look", "--workspace",
       scene.workspace().string(), "--model", model, "--json", "--mode", "full"},
      {{"XDG_DATA_HOME", place}, {"XDG_CACHE_HOME", place}, {"XDG_CONFIG_HOME", place}});
  const std::string log = read_file(result_of(run).at("log").get<std::string>());
  std::filesystem::remove_all(place);
  CHECK(log.find("the text") != std::string::npos);
  CHECK(log.find("the key") == std::string::npos);
  CHECK(log.find("snapshots") == std::string::npos);
  CHECK(log.find("cannot access") == std::string::npos);
}
