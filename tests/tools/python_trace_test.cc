#include "tools/python_trace.h"

#include <algorithm>

#include "tests/tools/tool_fixture.h"

using namespace corvid;
using namespace corvid::tools;

namespace {

const char* const kStats =
    "def mean(values):\n"                          // 1
    "    total = 0\n"                              // 2
    "    for value in values:\n"                   // 3
    "        total += value\n"                     // 4
    "    return total / len(values)\n"             // 5
    "\n"
    "def median(values):\n"                        // 7
    "    values = sorted(values)\n"                // 8
    "    middle = len(values) // 2\n"              // 9
    "    if len(values) % 2 == 1:\n"               // 10
    "        return values[middle - 1]\n"          // 11
    "    return mean(values[middle - 1:middle + 1])\n";

const char* const kTests =
    "import unittest\n"
    "from pkg import stats\n"
    "class StatsTest(unittest.TestCase):\n"
    "    def test_even(self):\n"
    "        self.assertEqual(stats.median([1, 2, 3, 4]), 2.5)\n"
    "    def test_odd(self):\n"
    "        self.assertEqual(stats.median([3, 1, 2]), 2)\n"
    "    def test_empty(self):\n"
    "        self.assertEqual(stats.mean([]), 0)\n"
    "    @unittest.skip('no')\n"
    "    def test_skipped(self):\n"
    "        stats.median([1])\n";

struct Traced {
  Evidence evidence;
  int exit_code = 0;
  std::string output;
};

// The command in the fixture's workspace, with and without the tracer.
Traced run_traced(ToolFixture& fixture, const std::string& command, bool is_traced = true) {
  const TempDir folder;
  const PythonTrace trace = prepare_trace(folder.path(), fixture.workspace.shown_as());
  sandbox::Profile profile = fixture.profile;
  profile.environment.push_back("PYTHONDONTWRITEBYTECODE=1");
  if (is_traced) {
    profile.mounts = trace.mounts;
    for (const std::string& each : trace.environment) profile.environment.push_back(each);
  }
  sandbox::Command line;
  line.argv = {"/bin/sh", "-c", command};
  line.cwd = fixture.workspace.shown_as();
  const sandbox::Outcome outcome = fixture.box->run(line, profile, {});
  return {read_evidence(trace, outcome.output, outcome.exit_code, fixture.workspace),
          outcome.exit_code, outcome.output};
}

bool has_python(ToolFixture& fixture, const std::string& module = "unittest") {
  if (run_traced(fixture, "python3 -c 'import " + module + "'", false).exit_code == 0) return true;
  WARN("SKIP: python3 with " + module + " does not run here");
  return false;
}

std::string without_times(std::string output) {
  for (size_t at = 0; (at = output.find(" in ", at)) != std::string::npos; ++at) {
    size_t end = at + 4;
    while (end < output.size() && (isdigit(output[end]) != 0 || output[end] == '.')) ++end;
    if (end < output.size() && output[end] == 's') output.erase(at, end - at);
  }
  return output;
}

bool hits(const Evidence& evidence, const std::string& path, int line, int failing, int passing) {
  const auto file = evidence.executed.find(path);
  if (file == evidence.executed.end() || !file->second.contains(line)) return false;
  const LineHits& found = file->second.at(line);
  return found.failing_tests == failing && found.passing_tests == passing;
}

void put_stats(const ToolFixture& fixture) {
  fixture.put("pkg/__init__.py", "");
  fixture.put("pkg/stats.py", kStats);
  fixture.put("tests/__init__.py", "");
  fixture.put("tests/test_stats.py", kTests);
}

void check_stats(const Evidence& evidence) {
  CHECK(evidence.check_ran);
  CHECK_FALSE(evidence.check_passed);
  CHECK(evidence.failing_test_count == 2);
  CHECK(evidence.passing_test_count == 1);
  CHECK(hits(evidence, "pkg/stats.py", 11, 1, 0));
  CHECK(hits(evidence, "pkg/stats.py", 12, 0, 1));
  CHECK(hits(evidence, "pkg/stats.py", 8, 1, 1));
  CHECK(hits(evidence, "pkg/stats.py", 4, 0, 1));
  CHECK(hits(evidence, "pkg/stats.py", 5, 1, 1));
  CHECK(hits(evidence, "pkg/stats.py", 1, 2, 1));  // by the import, before every test
  REQUIRE(evidence.tracebacks.size() == 2);
  const std::vector<Frame>& empty = evidence.tracebacks[0].size() == 2 ? evidence.tracebacks[0]
                                                                      : evidence.tracebacks[1];
  REQUIRE(empty.size() == 2);
  CHECK(empty[0].path == "tests/test_stats.py");
  CHECK(empty[0].line == 9);
  CHECK(empty[1].path == "pkg/stats.py");
  CHECK(empty[1].line == 5);
  CHECK(empty[1].function == "mean");
}

}  // namespace

TEST_CASE("A traced unittest run tells lines of failing and of passing tests apart") {
  ToolFixture fixture;
  put_stats(fixture);
  if (!has_python(fixture)) return;
  const Traced traced = run_traced(fixture, "python3 -m unittest -q");
  const Traced plain = run_traced(fixture, "python3 -m unittest -q", false);
  CHECK(traced.exit_code == plain.exit_code);
  CHECK(without_times(traced.output) == without_times(plain.output));
  INFO(traced.output);
  check_stats(traced.evidence);
  // Without the tracer the printed tracebacks remain.
  CHECK(plain.evidence.executed.empty());
  CHECK(plain.evidence.tracebacks.size() == 2);
}

TEST_CASE("A traced pytest run gives the same evidence") {
  ToolFixture fixture;
  put_stats(fixture);
  if (!has_python(fixture, "pytest")) return;
  const Traced traced = run_traced(fixture, "python3 -m pytest -q -p no:cacheprovider");
  const Traced plain = run_traced(fixture, "python3 -m pytest -q -p no:cacheprovider", false);
  CHECK(traced.exit_code == plain.exit_code);
  CHECK(without_times(traced.output) == without_times(plain.output));
  INFO(traced.output);
  check_stats(traced.evidence);
}

// As plugins do that run failed tests again.
constexpr const char* kOwnReports = R"(from _pytest import runner


def call_and_report(item, when, log=True, **rest):
    hook = getattr(item.ihook, "pytest_runtest_" + when)
    call = runner.CallInfo.from_call(lambda: hook(item=item, **rest), when=when)
    report = item.ihook.pytest_runtest_makereport(item=item, call=call)
    if log:
        item.ihook.pytest_runtest_logreport(report=report)
    return report


def pytest_runtest_protocol(item, nextitem):
    original, runner.call_and_report = runner.call_and_report, call_and_report
    try:
        return runner.pytest_runtest_protocol(item, nextitem)
    finally:
        runner.call_and_report = original
)";

TEST_CASE("Failures are seen where a plugin makes pytest's reports itself") {
  ToolFixture fixture;
  put_stats(fixture);
  fixture.put("conftest.py", kOwnReports);
  if (!has_python(fixture, "pytest")) return;
  const Traced traced = run_traced(fixture, "python3 -m pytest -q -p no:cacheprovider");
  INFO(traced.output);
  check_stats(traced.evidence);
}

TEST_CASE("A script without tests counts as one test") {
  ToolFixture fixture;
  if (!has_python(fixture)) return;
  fixture.put("check.py", "import lib\nassert lib.f(1) == 2\nassert lib.f(-1) == 1\n");
  fixture.put("lib.py", "def f(x):\n    if x > 0:\n        return x + 1\n    return x\n");
  const Evidence failed = run_traced(fixture, "echo start; python3 check.py").evidence;
  CHECK(failed.failing_test_count == 1);
  CHECK(failed.passing_test_count == 0);
  CHECK(hits(failed, "lib.py", 4, 1, 0));
  REQUIRE(failed.tracebacks.size() == 1);
  CHECK(failed.tracebacks[0].at(0).path == "check.py");
  CHECK(failed.tracebacks[0].at(0).line == 3);
  const Traced passed = run_traced(fixture, "python3 -c 'import lib; lib.f(1)'");
  CHECK(passed.exit_code == 0);
  CHECK(passed.evidence.check_passed);
  CHECK(hits(passed.evidence, "lib.py", 3, 0, 1));
  const Traced exits =
      run_traced(fixture, "python3 -c 'import lib; lib.f(2); raise SystemExit(7)'");
  CHECK(exits.exit_code == 7);
  CHECK(hits(exits.evidence, "lib.py", 3, 1, 0));
}

TEST_CASE("Lines of programs that a test starts, and of its threads, are that test's") {
  ToolFixture fixture;
  if (!has_python(fixture)) return;
  fixture.put("lib.py", "def f():\n    return 1\ndef g():\n    return 2\n");
  fixture.put("test_lib.py",
              "import subprocess, sys, threading, unittest\n"
              "import lib\n"
              "class T(unittest.TestCase):\n"
              "    def test_child(self):\n"
              "        out = subprocess.check_output([sys.executable, '-c',\n"
              "                                       'import lib; print(lib.f())'])\n"
              "        self.assertEqual(out, b'2\\n')\n"
              "    def test_thread(self):\n"
              "        thread = threading.Thread(target=lib.g)\n"
              "        thread.start()\n"
              "        thread.join()\n");
  const Traced traced = run_traced(fixture, "python3 -m unittest -q");
  INFO(traced.output);
  CHECK(hits(traced.evidence, "lib.py", 2, 1, 0));
  CHECK(hits(traced.evidence, "lib.py", 4, 0, 1));
}

TEST_CASE("A module that cannot be imported leaves the frames that the message holds") {
  ToolFixture fixture;
  if (!has_python(fixture)) return;
  fixture.put("lib.py", "import os\nx = undefined\n");
  fixture.put("test_lib.py", "import unittest\nimport lib\n");
  const Evidence evidence = run_traced(fixture, "python3 -m unittest -q").evidence;
  REQUIRE_FALSE(evidence.tracebacks.empty());
  CHECK(evidence.tracebacks[0].back().path == "lib.py");
  CHECK(evidence.tracebacks[0].back().line == 2);
}

TEST_CASE("The project's own sitecustomize still runs, and a hot loop is left alone") {
  ToolFixture fixture;
  if (!has_python(fixture)) return;
  fixture.put("sitecustomize.py", "print('site of the project')\n");
  fixture.put("loop.py",
              "total = 0\nfor i in range(300000):\n    total += i\nassert total == 1\n");
  const Traced traced = run_traced(fixture, "PYTHONPATH=$PYTHONPATH:. python3 loop.py");
  CHECK(traced.output.starts_with("site of the project\n"));
  CHECK(hits(traced.evidence, "loop.py", 3, 1, 0));
  CHECK(hits(traced.evidence, "loop.py", 4, 1, 0) ==
        traced.evidence.executed.at("loop.py").contains(4));
  REQUIRE(traced.evidence.tracebacks.size() == 1);
  CHECK(traced.evidence.tracebacks[0].back().line == 4);
}

TEST_CASE("Results that are damaged or that lie name nothing outside the workspace") {
  ToolFixture fixture;
  fixture.put("a.py", "x = 1\n");
  const TempDir folder;
  const PythonTrace trace = prepare_trace(folder.path(), fixture.workspace.shown_as());
  const auto result = [&](const std::string& name, const std::string& content) {
    std::ofstream(trace.results / name) << content;
  };
  result("trace-1.json", "{\"version\": 1, \"files\": [");
  result("trace-2.json", "[1, 2]");
  result("trace-3.json",
         R"({"version":1,"files":["../../etc/passwd","a.py",7],"failing":-4,"passing":1e300,)"
         R"("lines":{"0":[1,1,1],"1":[1,2,"x",-3,1,1,5],"2":[1,1,1],"x":[1,1,1],"99":[1,1,1]},)"
         R"("outside":{"1":["a",2]},"tracebacks":[[[0,1,"f"]],[[1,1,"f"],[1,0,"f"],[1]],7],)"
         R"("running":[],"failing_names":{"a":1},"inherited":[]})");
  result("trace-4.json", R"({"version":1,"files":"a.py","lines":[1],"outside":3})");
  std::filesystem::create_symlink("/etc/passwd", trace.results / "trace-5.json");
  std::filesystem::create_directory(trace.results / "trace-6.json");
  const Evidence evidence = read_evidence(trace, "", 1, fixture.workspace);
  CHECK(evidence.executed.size() == 1);
  CHECK(evidence.executed.at("a.py").size() == 2);
  REQUIRE(evidence.tracebacks.size() == 1);
  CHECK(evidence.tracebacks[0].size() == 1);
}

TEST_CASE("Tracebacks are read from the output of Python and of pytest") {
  const ToolFixture fixture;
  fixture.put("pkg/mod.py", "");
  fixture.put("tests/test_mod.py", "");
  const std::string root = fixture.workspace.shown_as().string();
  const auto python = find_tracebacks(
      "ERROR: test_a\n----\nTraceback (most recent call last):\n  File \"" + root +
          "/tests/test_mod.py\", line 12, in test_a\n    f()\n  File \"/usr/lib/python3/x.py\", "
          "line 3, in g\n  File \"" + root + "/pkg/mod.py\", line 7, in f\n    return 1 / 0\n"
          "ZeroDivisionError: division by zero\n\nTraceback (most recent call last):\n  File "
          "\"./pkg/mod.py\", line 2\n    x = = 1\nSyntaxError: invalid syntax\n",
      fixture.workspace);
  REQUIRE(python.size() == 2);
  REQUIRE(python[0].size() == 2);
  CHECK(python[0][0].path == "tests/test_mod.py");
  CHECK(python[0][0].function == "test_a");
  CHECK(python[0][1].line == 7);
  REQUIRE(python[1].size() == 1);
  CHECK(python[1][0].line == 2);
  const auto pytest = find_tracebacks(
      "____ test_a ____\n\n    def test_a():\n>       f()\n\ntests/test_mod.py:12: \n_ _ _ _ _\n\n"
      ">   return 1 / 0\nE   ZeroDivisionError\n\npkg/mod.py:7: ZeroDivisionError\n"
      "____ test_b ____\ntests/test_mod.py:20: in test_b\n    g()\nother.py:3: in g\n",
      fixture.workspace);
  REQUIRE(pytest.size() == 2);
  REQUIRE(pytest[0].size() == 2);
  CHECK(pytest[0][1].path == "pkg/mod.py");
  CHECK(pytest[0][1].line == 7);
  REQUIRE(pytest[1].size() == 1);
  CHECK(pytest[1][0].function == "test_b");
  CHECK(find_tracebacks("nothing here\nFile \"x\", line\n.py:\n", fixture.workspace).empty());
}

TEST_CASE("Mentions are paths that exist and names that are defined") {
  const ToolFixture fixture;
  fixture.put("pkg/stats.py", "class Stats:\n    def median(self):\n        pass\n\n"
                              "def find(x):\n    def inner_one():\n        pass\n\n"
                              "async def load_all():\n    pass\n");
  fixture.put("pkg/other.py", "def mean(x):\n    pass\n");
  fixture.put("README.md", "");
  const auto mentions = [&](const std::string& task) {
    Evidence evidence;
    find_mentions(task, fixture.workspace, evidence);
    std::string text;
    for (const std::string& path : evidence.mentioned_paths) text += path + " ";
    text += "|";
    for (const std::string& name : evidence.mentioned_names) text += " " + name;
    return text;
  };
  CHECK(mentions("The tests fail. Find the bug and repair it.") == "|");
  CHECK(mentions("Please find the mean bug") == "|");
  CHECK(mentions("The function find is wrong.") == "| find");
  CHECK(mentions("the median method gives 3") == "| median");
  CHECK(mentions("`mean` is off, see README.md") == "README.md | mean");
  CHECK(mentions("mean(x) is off in other.py:1.") == "pkg/other.py | mean");
  CHECK(mentions("load_all hangs") == "| load_all");
  CHECK(mentions("pkg.stats.Stats.median returns None") == "pkg/stats.py | Stats.median");
  CHECK(mentions("repair pkg/stats.py") == "pkg/stats.py |");
  CHECK(mentions("repair " + fixture.workspace.shown_as().string() + "/pkg/stats.py") ==
        "pkg/stats.py |");
  CHECK(mentions("none.py and no_such_name") == "|");
}
