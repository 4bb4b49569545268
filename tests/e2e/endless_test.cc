// Repairs that never end cost a bounded time, and the right one is still found.

#include <chrono>

#include <catch2/catch.hpp>

#include "runtime/attempts.h"
#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;

namespace {

runtime::Event check_event(int64_t ms, bool timed_out) {
  runtime::CheckRan run;
  run.ms = ms;
  run.timed_out = timed_out;
  return {.body = run};
}

// How many checks of this attempt were cut off, by the JSON lines of a run.
size_t cut_off_count(const ProcessResult& process, int attempt) {
  size_t count = 0;
  for (const Json& line : json_lines(process.out)) {
    count += line.at("type") == "check_ran" && line.value("attempt", -1) == attempt &&
             line.at("timed_out") == true;
  }
  return count;
}

// Whether a check of `seconds` is longer than an attempt's has at first. On a busy machine the
// failing check, by which that is measured, takes its time too.
bool is_long(const ProcessResult& process, int seconds) {
  std::vector<runtime::Event> checks;
  for (const Json& line : json_lines(process.out)) {
    if (line.at("type") != "check_ran" || line.value("attempt", -1) >= 0) continue;
    checks.push_back(check_event(line.at("ms").get<int64_t>(), line.at("timed_out").get<bool>()));
  }
  return runtime::first_check_time(checks) < std::chrono::seconds(seconds);
}

// `corvid run` on a check that ends at once when it fails and takes `seconds` when it passes.
ProcessResult run_slow_check(const Scene& scene, int seconds, std::vector<std::string> more = {}) {
  scene.put("check.py",
            "import sys, time\nfrom calc import add\nif add(1, 2) != 3: sys.exit(1)\n"
            "time.sleep(" + std::to_string(seconds) + ")\n");
  std::vector<std::string> arguments = {
      "run",      "check.py fails",   "--workspace", scene.workspace().string(),
      "--verify", "python3 check.py", "--attempts",  "2",
      "--json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return scene.corvid(arguments);
}

}  // namespace

TEST_CASE("an attempt's check has ten times the longest check so far at first") {
  using runtime::first_check_time;
  using std::chrono::milliseconds;
  CHECK(first_check_time({}) == milliseconds::max());
  const std::vector<runtime::Event> quick = {check_event(300, false), check_event(90'000, true)};
  CHECK(first_check_time(quick) == milliseconds(6'000));
  const std::vector<runtime::Event> slow = {check_event(300, false), check_event(5'000, false)};
  CHECK(first_check_time(slow) == milliseconds(50'000));
}

TEST_CASE("a repair whose check takes much longer than the failing one gets a second chance") {
  if (!sandbox_works()) return;
  const Scene scene;
  const ProcessResult process = run_slow_check(scene, 8);  // longer than a check has at first
  INFO(process.out << process.err);
  CHECK(result_of(process).at("status") == "verified");
  if (is_long(process, 8)) CHECK(cut_off_count(process, 0) == 1);
  CHECK(scene.get("calc.py") == "def add(a, b):\n    return a + b\n");
}

TEST_CASE("the lowest attempt that passes wins also where its check was cut off at first") {
  if (!sandbox_works()) return;
  const Scene scene;
  // What the first attempt writes passes, but only after more time than a check has at first.
  scene.put("check.py",
            "import sys, time\nimport calc\nif calc.add(1, 2) != 3: sys.exit(1)\n"
            "time.sleep(getattr(calc, 'PAUSE', 0))\n");
  const auto repair = [](const std::string& lineage, const std::string& more) {
    Json reply = call("edit_file", {{"path", "calc.py"},
                                    {"old_text", "    return a - b\n"},
                                    {"new_text", "    return a + b\n" + more}});
    reply["lineage"] = lineage;
    return reply;
  };
  const ProcessResult process =
      scene.run({call("suggest_edits", Json::object()),
                 call("read_file", {{"path", "calc.py"}}), repair("main", "PAUSE = 8\n"),
                 repair("main.a1", ""), repair("main.a0b", "PAUSE = 8\n"),
                 call("finish", {{"summary", "done"}})},
                {"--verify", "python3 check.py", "--attempts", "2"});
  const Json result = result_of(process);
  INFO(process.out);
  CHECK(result.at("status") == "verified");
  if (is_long(process, 8)) CHECK(cut_off_count(process, 0) == 1);
  CHECK(result.at("attempts").at("winner") == 0);
  CHECK(result.at("attempts").at("tried") == 2);
  CHECK(scene.get("calc.py").find("PAUSE") != std::string::npos);
}

TEST_CASE("no check has more than its time, and the result says that some were cut off") {
  if (!sandbox_works()) return;
  const Scene scene;
  const ProcessResult process = run_slow_check(scene, 60, {"--check-time-max", "3"});
  const Json result = result_of(process);
  INFO(process.out);
  CHECK(result.at("status") == "failed");
  CHECK(result.at("message").get<std::string>().find("(1 cut off, took too long") !=
        std::string::npos);
  CHECK(cut_off_count(process, 0) == 1);
}
