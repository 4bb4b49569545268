#include <catch2/catch.hpp>

#include <csignal>
#include <random>

#include "runtime/session.h"
#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;

namespace {

// The second half is for a run in which a step was cut off: the check fails, and it is done again.
std::string repair_script(const Scene& scene) {
  return scene.script(
      {call("shell", {{"command", "echo reading; ls"}}), call("read_file", {{"path", "calc.py"}}),
       call("edit_file", {{"path", "calc.py"},
                          {"old_text", "    return a - b"},
                          {"new_text", "    return a + b"}}),
       call("write_file", {{"path", "notes.md"}, {"content", "repaired\n"}}),
       call("finish", {{"summary", "add adds"}}), call("read_file", {{"path", "calc.py"}}),
       call("edit_file", {{"path", "calc.py"},
                          {"old_text", "    return a - b"},
                          {"new_text", "    return a + b"}}),
       call("write_file", {{"path", "notes.md"}, {"content", "repaired\n"}}),
       call("finish", {{"summary", "add adds"}})});
}

std::vector<std::string> arguments_for(const Scene& scene, const std::string& model) {
  return {"run",      "repair it", "--workspace", scene.workspace().string(), "--model", model,
          "--verify", kCheck,      "--json"};
}

std::filesystem::path only_log(const Scene& scene) {
  std::filesystem::path log;
  if (!std::filesystem::exists(scene.data() / "sessions")) return log;
  for (const auto& entry : std::filesystem::directory_iterator(scene.data() / "sessions")) {
    log = entry.path() / "events.jsonl";
  }
  return std::filesystem::exists(log) ? log : std::filesystem::path();
}

// After a kill: what was printed (and so acknowledged) is in the log, which has no half event; a
// resume ends the task.
void expect_resumes(const Scene& scene, const ProcessResult& killed) {
  const std::filesystem::path log = only_log(scene);
  if (log.empty()) return;  // it died before it acknowledged anything
  const std::string before = read_file(log);
  const auto events = runtime::read_events(log);
  size_t acknowledged = 0;
  // Whole lines; items say the same a second time.
  for (const Json& line : json_lines(killed.out.substr(0, killed.out.rfind('\n') + 1))) {
    acknowledged += line.at("type").get<std::string>().find('.') == std::string::npos;
  }
  CHECK(events.size() >= acknowledged);
  const bool has_start = !events.empty();
  const std::string id = log.parent_path().filename().string();
  const ProcessResult resumed = scene.corvid({"run", "--resume", id, "--json"});
  INFO(resumed.err);
  if (!has_start) {
    CHECK(resumed.exit_code == 1);
    return;
  }
  REQUIRE(result_of(resumed).at("status") == "verified");
  CHECK(scene.get("calc.py") == "def add(a, b):\n    return a + b\n");
  const std::string whole = before.substr(0, before.rfind('\n') + 1);
  CHECK(read_file(log).starts_with(whole));
}

}  // namespace

TEST_CASE("a run that is killed after any event goes on and ends as if it had not been") {
  if (!sandbox_works()) return;
  size_t count = 0;
  {
    const Scene scene;
    const ProcessResult whole = scene.corvid(arguments_for(scene, repair_script(scene)));
    REQUIRE(result_of(whole).at("status") == "verified");
    count = runtime::read_events(only_log(scene)).size();
  }
  for (size_t after = 1; after <= count; ++after) {
    const Scene scene;
    CAPTURE(after, count);
    const ProcessResult killed =
        scene.corvid(arguments_for(scene, repair_script(scene)),
                     {{"CORVID_TEST_KILL_AFTER_EVENTS", std::to_string(after)}});
    REQUIRE(killed.signal == SIGKILL);
    CHECK(runtime::read_events(only_log(scene)).size() == after);
    expect_resumes(scene, killed);
  }
}

TEST_CASE("a run with attempts that is killed after any event ends with one repair") {
  if (!sandbox_works()) return;
  const auto arguments = [](const Scene& scene) {
    std::vector<Json> replies = {call("read_file", {{"path", "calc.py"}}),
                                 call("edit_file", {{"path", "calc.py"},
                                                    {"old_text", "    return a - b"},
                                                    {"new_text", "    return a + b"}}),
                                 call("finish", {{"summary", "add adds"}})};
    // Once more, for a run whose reading was cut off.
    for (size_t i = 0; i < 3; ++i) replies.push_back(replies[i]);
    std::vector<std::string> list = arguments_for(scene, scene.script(replies));
    list.insert(list.end(), {"--attempts", "1", "--max-checks", "2", "--no-memory"});
    return list;
  };
  size_t count = 0;
  {
    const Scene scene;
    REQUIRE(result_of(scene.corvid(arguments(scene))).at("status") == "verified");
    count = runtime::read_events(only_log(scene)).size();
  }
  for (size_t after = 1; after <= count; ++after) {
    const Scene scene;
    CAPTURE(after, count);
    const ProcessResult killed =
        scene.corvid(arguments(scene), {{"CORVID_TEST_KILL_AFTER_EVENTS", std::to_string(after)}});
    REQUIRE(killed.signal == SIGKILL);
    expect_resumes(scene, killed);
  }
}

TEST_CASE("a run with the default model that is killed goes on from its token log") {
  if (!sandbox_works()) return;
  const auto arguments = [](const Scene& scene) {
    return std::vector<std::string>{"run",         "The tests fail. Repair it.",
                                    "--workspace", scene.workspace().string(),
                                    "--verify",    kCheck,
                                    "--json"};
  };
  size_t count = 0;
  {
    const Scene scene;
    REQUIRE(result_of(scene.corvid(arguments(scene))).at("status") == "verified");
    count = runtime::read_events(only_log(scene)).size();
  }
  // The last events, from the winner's end on, are each of their own kind.
  const auto next = [&](size_t after) { return after + 5 > count ? after + 1 : after + 3; };
  for (size_t after = 4; after <= count; after = next(after)) {
    const Scene scene;
    CAPTURE(after, count);
    const ProcessResult killed =
        scene.corvid(arguments(scene), {{"CORVID_TEST_KILL_AFTER_EVENTS", std::to_string(after)}});
    if (killed.signal == 0) continue;  // attempts end in another order each time
    const std::string id = only_log(scene).parent_path().filename().string();
    const ProcessResult resumed = scene.corvid({"run", "--resume", id, "--json"});
    INFO(resumed.err);
    REQUIRE(result_of(resumed).at("status") == "verified");
    CHECK(scene.get("calc.py") == "def add(a, b):\n    return a + b\n");
  }
}

TEST_CASE("a run that is killed at a random moment loses nothing that it acknowledged") {
  if (!sandbox_works()) return;
  const unsigned seed = std::random_device{}();
  WARN("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 20; ++round) {
    const Scene scene;
    const int after_ms = int(random() % 900);
    CAPTURE(seed, round, after_ms);
    const ProcessResult run =
        scene.corvid(arguments_for(scene, repair_script(scene)), {}, after_ms);
    if (run.signal == 0) {
      CHECK(result_of(run).at("status") == "verified");
    } else {
      expect_resumes(scene, run);
    }
  }
}

TEST_CASE("what others changed is kept and told; --restore puts the last recorded state back") {
  if (!sandbox_works()) return;
  for (const bool restore : {false, true}) {
    const Scene scene;
    const std::string model = scene.script({call("read_file", {{"path", "calc.py"}}),
                                            call("edit_file", {{"path", "calc.py"},
                                                               {"old_text", "    return a - b"},
                                                               {"new_text", "    return a + b"}}),
                                            call("finish", {{"summary", "done"}}),
                                            call("finish", {{"summary", "done"}})});
    // Dies right after the edit's result is recorded.
    size_t after = 0;
    {
      const Scene trial;
      const ProcessResult whole = trial.corvid(arguments_for(trial, model));
      size_t number = 0;
      for (const Json& line : event_lines(whole.out)) {
        ++number;
        if (line.at("type") == "tool_finished" && line.at("tool") == "edit_file") after = number;
      }
    }
    const ProcessResult killed = scene.corvid(
        arguments_for(scene, model), {{"CORVID_TEST_KILL_AFTER_EVENTS", std::to_string(after)}});
    REQUIRE(killed.signal == SIGKILL);
    scene.put("calc.py", "def add(a, b):\n    return b + a  # by hand\n");
    std::vector<std::string> arguments = {"run", "--resume", "", "--json"};
    arguments[2] = only_log(scene).parent_path().filename().string();
    if (restore) arguments.push_back("--restore");
    const ProcessResult resumed = scene.corvid(arguments);
    CHECK(result_of(resumed).at("status") == "verified");
    const std::string text = scene.get("calc.py");
    if (restore) {
      CHECK(text == "def add(a, b):\n    return a + b\n");
    } else {
      CHECK(text == "def add(a, b):\n    return b + a  # by hand\n");
      CHECK(resumed.out.find("these files changed: calc.py") != std::string::npos);
    }
  }
}
