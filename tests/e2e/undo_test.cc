#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "runtime/session.h"
#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;
namespace fs = std::filesystem;

namespace {

const std::string kWrongLine = "def add(a, b):\n    return a - b\n";
const std::string kRightLine = "def add(a, b):\n    return a + b\n";

Json edit() {
  return call(
      "edit_file",
      {{"path", "calc.py"}, {"old_text", "    return a - b"}, {"new_text", "    return a + b"}});
}

Json finish() { return call("finish", {{"summary", "done"}}); }

std::string run_and_id(const Scene& scene, const std::vector<Json>& replies) {
  const ProcessResult process =
      scene.corvid({"run", "repair it", "--workspace", scene.workspace().string(), "--model",
                    scene.script(replies), "--json"});
  REQUIRE(process.exit_code == 0);
  return result_of(process).at("session");
}

struct Undone {
  int exit_code = -1;
  std::vector<std::string> files, conflicts, modes;
};

Undone undo(const Scene& scene, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"sessions", "undo", "--json", "--workspace",
                                        scene.workspace().string()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const ProcessResult process = scene.corvid(arguments);
  INFO(process.err);
  const std::vector<Json> lines = json_lines(process.out);
  REQUIRE(lines.size() == 1);
  return {process.exit_code, lines[0].at("files"), lines[0].at("conflicts"),
          lines[0].at("modes")};
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a second undo does nothing, and nobody's new file goes") {
  if (!sandbox_works()) return;
  const Scene scene;
  run_and_id(scene,
             {call("read_file", {{"path", "calc.py"}}), edit(),
              call("write_file", {{"path", "deep/new.py"}, {"content", "x = 1\n"}}), finish()});
  CHECK(scene.get("calc.py") == kRightLine);
  scene.put("mine.py", "by hand\n");
  CHECK(undo(scene).files == Names{"calc.py", "deep/new.py"});
  CHECK(scene.get("calc.py") == kWrongLine);
  CHECK_FALSE(fs::exists(scene.workspace() / "deep"));
  scene.put("calc.py", "by hand\n");
  scene.put("deep/new.py", "by hand\n");
  const Undone second = undo(scene);
  CHECK(second.exit_code == 0);
  CHECK(second.files.empty());
  CHECK(scene.get("calc.py") == "by hand\n");
  CHECK(scene.get("deep/new.py") == "by hand\n");
  CHECK(scene.get("mine.py") == "by hand\n");
}

TEST_CASE("what changed after the run is put back by force only, also after a first undo") {
  if (!sandbox_works()) return;
  const Scene scene;
  run_and_id(scene, {call("read_file", {{"path", "calc.py"}}), edit(),
                     call("write_file", {{"path", "new.py"}, {"content", "x = 1\n"}}), finish()});
  scene.put("calc.py", "by hand\n");
  scene.put("mine.py", "by hand\n");
  const Undone first = undo(scene);
  CHECK(first.exit_code == 2);
  CHECK(first.files == Names{"new.py"});
  CHECK(first.conflicts == Names{"calc.py"});
  CHECK(scene.get("calc.py") == "by hand\n");
  const Undone forced = undo(scene, {"--force"});
  CHECK(forced.exit_code == 0);
  CHECK(forced.files == Names{"calc.py"});
  CHECK(scene.get("calc.py") == kWrongLine);
  CHECK(scene.get("mine.py") == "by hand\n");
}

TEST_CASE("an undo after a resume leaves what others changed in between") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::vector<Json> script = {
      call("read_file", {{"path", "calc.py"}}),
      edit(),
      finish(),
      finish(),
      call("write_file", {{"path", "new.py"}, {"content", "x = 1\n"}}),
      finish()};
  const std::string id = run_and_id(scene, script);
  scene.put("test_calc.py", "# by hand\n");
  scene.put("mine.py", "by hand\n");
  // A further task in the same session: only that one is undone.
  const ProcessResult resumed = scene.corvid({"run", "more", "--resume", id, "--json"});
  INFO(resumed.err);
  REQUIRE(result_of(resumed).at("session") == id);
  undo(scene);
  CHECK_FALSE(fs::exists(scene.workspace() / "new.py"));
  CHECK(scene.get("test_calc.py") == "# by hand\n");
  CHECK(scene.get("mine.py") == "by hand\n");
  CHECK(scene.get("calc.py") == kRightLine);
}

TEST_CASE("an undo of a run that was killed and resumed leaves what others changed in between") {
  if (!sandbox_works()) return;
  const std::vector<Json> script = {
      call("read_file", {{"path", "calc.py"}}), edit(),
      call("write_file", {{"path", "new.py"}, {"content", "x = 1\n"}}), finish(), finish()};
  for (const int after : {14, 16, 18, 20}) {
    const Scene scene;
    CAPTURE(after);
    const ProcessResult killed =
        scene.corvid({"run", "repair it", "--workspace", scene.workspace().string(), "--model",
                      scene.script(script), "--json"},
                     {{"CORVID_TEST_KILL_AFTER_EVENTS", std::to_string(after)}});
    REQUIRE(killed.exit_code == -1);
    scene.put("test_calc.py", "# by hand\n");
    scene.put("mine.py", "by hand\n");
    std::string id;
    for (const auto& entry : fs::directory_iterator(scene.data() / "sessions")) {
      id = entry.path().filename().string();
    }
    const ProcessResult resumed = scene.corvid({"run", "--resume", id, "--json"});
    INFO(resumed.err);
    REQUIRE(result_of(resumed).at("session") == id);
    undo(scene);
    CHECK(scene.get("test_calc.py") == "# by hand\n");
    CHECK(scene.get("mine.py") == "by hand\n");
    CHECK(scene.get("calc.py") == kWrongLine);
    CHECK_FALSE(fs::exists(scene.workspace() / "new.py"));
    CHECK(undo(scene).files.empty());
  }
}

TEST_CASE("a rewind puts back what its turn and later ones changed, and an undo the rest") {
  if (!sandbox_works()) return;
  const Scene scene;
  run_and_id(scene, {call("read_file", {{"path", "calc.py"}}), edit(),
                     call("write_file", {{"path", "new.py"}, {"content", "x = 1\n"}}), finish()});
  REQUIRE(scene.corvid({"sessions", "rewind", "--to", "3", "-w", scene.workspace().string()})
              .exit_code == 0);
  CHECK(scene.get("calc.py") == kRightLine);
  CHECK_FALSE(fs::exists(scene.workspace() / "new.py"));
  scene.put("new.py", "by hand\n");
  CHECK(undo(scene).files == Names{"calc.py"});
  CHECK(scene.get("new.py") == "by hand\n");
}

TEST_CASE("an undo without an id means the newest session of the folder it is in") {
  if (!sandbox_works()) return;
  const Scene scene;
  run_and_id(scene, {call("read_file", {{"path", "calc.py"}}), edit(), finish()});
  const fs::path other = scene.root() / "other";
  fs::create_directory(other);
  const std::string model =
      scene.script({call("write_file", {{"path", "x"}, {"content", "1"}}), finish()});
  const ProcessResult run_elsewhere =
      scene.corvid({"run", "write it", "--workspace", other.string(), "--model", model});
  REQUIRE(run_elsewhere.exit_code == 0);
  CHECK(undo(scene).files == Names{"calc.py"});
  CHECK(fs::exists(other / "x"));

  const fs::path empty = scene.root() / "empty";
  fs::create_directory(empty);
  const ProcessResult nothing = scene.corvid({"sessions", "undo", "--workspace", empty.string()});
  CHECK(nothing.exit_code == 1);
  CHECK(nothing.err.find("give the id") != std::string::npos);
  CHECK(fs::exists(other / "x"));
}

TEST_CASE("git settings that a command planted are removed, and model and user hear of it") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::string command =
      "mkdir -p sub/.git/objects sub/.git/refs && echo 'ref: refs/heads/main' > sub/.git/HEAD && "
      "printf '[core]\\n\\tfsmonitor = touch /tmp/planted\\n' > sub/.git/config";
  const ProcessResult run =
      scene.run({call("shell", {{"command", command}}), call("finish", {{"summary", "done"}})});
  const Json result = result_of(run);
  CHECK_FALSE(std::filesystem::exists(scene.workspace() / "sub/.git"));
  REQUIRE(result.at("cleared").size() == 1);
  CHECK(result.at("message").get<std::string>().find("sub/.git is new") != std::string::npos);
  CHECK(scene.shown(result).find("[sub/.git is new") != std::string::npos);
}

TEST_CASE("a file that is too large to be kept is named when it changed, also by undo") {
  if (!sandbox_works()) return;
  const Scene scene;
  scene.put("data.bin", std::string(17 << 20, 'a'));
  const ProcessResult run = scene.run(
      {call("shell", {{"command", "echo b >> data.bin"}}), call("finish", {{"summary", "done"}})});
  const Json result = result_of(run);
  CHECK(result.at("changed_files") == Json{"data.bin"});
  CHECK(result.at("diff").get<std::string>().find("data.bin") != std::string::npos);
  const ProcessResult undo =
      scene.corvid({"sessions", "undo", "-w", scene.workspace().string(), "--json"});
  CHECK(undo.exit_code == 2);
  CHECK(parse_json(undo.out, "undo").at("lost") == Json{"data.bin"});
}

TEST_CASE("an undo puts empty folders and permissions back, and names those that it cannot") {
  if (!namespaces_work()) return;
  const Scene scene;
  const fs::path work = scene.workspace();
  fs::create_directories(work / "empty" / "deep");
  scene.put("private/key", "x\n");
  scene.put("suid", "x\n");
  ::chmod((work / "private").c_str(), 0700);
  ::chmod((work / "suid").c_str(), 04755);
  const auto mode = [&](const char* path) {
    struct stat status;
    return ::lstat((work / path).c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
  };
  const Json command = call("shell", {{"command",
                                       "rm -r empty private; rm suid; mkdir -p new/deep; "
                                       "mkdir private; chmod 755 private"}});
  run_and_id(scene, {command, finish()});
  CHECK(fs::exists(work / "new" / "deep"));
  CHECK_FALSE(fs::exists(work / "empty"));
  const Undone undone = undo(scene);
  CHECK(undone.files == Names{"empty/deep/", "new/deep", "private/key"});
  CHECK(undone.conflicts.empty());
  CHECK(undone.modes == Names{"suid (4755)"});
  CHECK(undone.exit_code == 2);
  CHECK(mode("private") == 0700);
  CHECK(mode("suid") == 0755);
  CHECK(scene.get("suid") == "x\n");
  CHECK(fs::is_directory(work / "empty" / "deep"));
  CHECK_FALSE(fs::exists(work / "new"));
}

TEST_CASE("a run that only reads records no state, and an undo of it undoes nothing before it") {
  if (!sandbox_works()) return;
  const Scene scene;
  const auto snapshots = [&] {
    size_t count = 0;
    for (const auto& item : fs::recursive_directory_iterator(scene.data() / "snapshots")) {
      count += item.is_regular_file() &&
               item.path().string().find("/objects/") != std::string::npos;
    }
    return count;
  };
  const std::vector<Json> reading = {call("read_file", {{"path", "calc.py"}}), finish()};
  const Json first = result_of(scene.run(reading));
  CHECK(first.at("status") == "unverified");
  CHECK(snapshots() == 0);
  // A person's change meanwhile is told to the model that has read the file.
  scene.put("calc.py", kWrongLine + "# more\n");
  const std::string id = first.at("session");
  const ProcessResult again = scene.corvid({"run", "go on", "--resume", id, "--json"});
  CHECK(again.out.find("Since the last step these files changed: calc.py") != std::string::npos);
  CHECK(snapshots() == 0);
  CHECK(undo(scene).exit_code == 0);

  const Scene two;
  const std::vector<Json> editing = {call("read_file", {{"path", "calc.py"}}), edit(), finish(),
                                     call("read_file", {{"path", "calc.py"}}), finish()};
  const std::string session = run_and_id(two, editing);
  CHECK(two.get("calc.py") == kRightLine);
  CHECK(two.corvid({"run", "read it", "--resume", session, "--json"}).exit_code == 0);
  CHECK(undo(two).files.empty());
  CHECK(two.get("calc.py") == kRightLine);
}

TEST_CASE("programs get names that are not UTF-8 byte by byte") {
  if (!sandbox_works()) return;
  const Scene scene;
  const Json result = result_of(scene.run(
      {call("shell", {{"command", "printf x > \"$(printf 'caf\\351 1.txt')\"; printf y > b"}}),
       finish()}));
  CHECK(result.at("changed_files").size() == 2);
  CHECK(result.at("changed_files_encoded") == Json({"b", "caf%E9%201.txt"}));
  const ProcessResult undone = scene.corvid(
      {"sessions", "undo", "--json", "--workspace", scene.workspace().string()});
  CHECK(json_lines(undone.out).at(0).at("files_encoded") == Json({"b", "caf%E9%201.txt"}));
  CHECK(json_lines(undone.out).at(0).at("conflicts").empty());
}
