#include "runtime/verify.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

using namespace corvid;
using namespace corvid::runtime;
using corvid::test::put;
using corvid::test::run_process;
namespace fs = std::filesystem;

namespace {

bool works() {
  const sandbox::LayerReport report = sandbox::detect_layers();
  if (!report.complete()) WARN("SKIP: no sandbox here: " << report.missing());
  return report.complete();
}

// A workspace whose test fails, and the checker of a run that begins with it.
struct Bench {
  explicit Bench(const std::string& command) : root(dir.path() / "w") {
    put(root / "calc.py", "def add(a, b):\n    return a - b\n");
    put(root / "test_calc.py",
        "import unittest\nfrom calc import add\n\n\nclass AddTest(unittest.TestCase):\n"
        "    def test_add(self):\n        self.assertEqual(add(2, 3), 5)\n");
    begin(command);
  }

  void begin(const std::string& command, int64_t ignored_bytes_max = kIgnoredBytesMax,
             const std::vector<fs::path>& write_roots = {}) {
    workspace.emplace(root);
    store = std::make_unique<SnapshotStore>(dir.path() / "s.git", root);
    CheckerOptions options;
    options.command = command;
    options.profile = sandbox::system_profile();
    options.scratch = dir.path() / "scratch";
    options.profile.write_roots = write_roots;
    options.parallel_max = 1;
    checker = std::make_unique<Checker>(*sandbox, options, *store, store->take(),
                                        std::make_shared<const IgnoredFiles>(
                                            *workspace, ignored_bytes_max));
  }

  CheckResult verify() const { return checker->verify(*workspace, false, {}); }

  TempDir dir;
  fs::path root;
  std::unique_ptr<sandbox::Sandbox> sandbox = sandbox::make_sandbox("linux");
  std::optional<tools::Workspace> workspace;
  std::unique_ptr<SnapshotStore> store;
  std::unique_ptr<Checker> checker;
};

const std::string kCheck = "PYTHONPATH=. python3 -m unittest -q";

}  // namespace

TEST_CASE("a module that stands in for the test runner does not verify") {
  if (!works()) return;
  for (const char* path : {"unittest.py", "unittest/__main__.py", "sitecustomize.py"}) {
    const Bench bench(kCheck);
    put(bench.root / path, "import os\nos._exit(0)\n");
    if (std::string(path).find('/') != std::string::npos) {
      put(bench.root / "unittest" / "__init__.py", "");
    }
    const CheckResult result = bench.verify();
    INFO(path << ": " << result.run.output);
    CHECK(result.run.exit_code == 0);
    CHECK(result.status == CheckStatus::unverified);
    CHECK(std::find(result.changed_tests.begin(), result.changed_tests.end(), path) !=
          result.changed_tests.end());
    REQUIRE(result.originals.has_value());
    CHECK(result.originals->exit_code != 0);
    CHECK(result.originals->purpose == "originals");
  }
}

TEST_CASE("so many checks as are allowed run at a time, and those that wait can be stopped") {
  if (!works()) return;
  Bench bench("true");
  const fs::path shared = bench.dir.path() / "shared";
  fs::create_directory(shared);
  const std::string mark = (shared / "mark").string(), begun = (shared / "begun").string();
  bench.begin("mkdir " + mark + " && touch " + begun + " && sleep 0.2 && rmdir " + mark,
              kIgnoredBytesMax, {shared});
  std::vector<CheckResult> results(3);
  {
    std::vector<std::jthread> threads;
    for (CheckResult& result : results) threads.emplace_back([&] { result = bench.verify(); });
    while (!fs::exists(begun)) std::this_thread::yield();
    std::stop_source stopped;
    stopped.request_stop();
    CHECK_THROWS_AS(bench.checker->verify(*bench.workspace, false, stopped.get_token()), Error);
  }
  for (const CheckResult& result : results) {
    INFO(result.run.output);
    CHECK(result.status == CheckStatus::verified);
  }
}

TEST_CASE("new tests that pass along with the old ones verify") {
  if (!works()) return;
  const Bench bench(kCheck);
  put(bench.root / "calc.py", "def add(a, b):\n    return a + b\n");
  put(bench.root / "test_more.py",
      "import unittest\n\n\nclass MoreTest(unittest.TestCase):\n"
      "    def test_more(self):\n        pass\n");
  const CheckResult result = bench.verify();
  CHECK(result.status == CheckStatus::verified);
  CHECK(result.changed_tests == std::vector<std::string>{"test_more.py"});
  REQUIRE(result.originals.has_value());
  CHECK(result.originals->exit_code == 0);
}

TEST_CASE("a removed test comes back for the second check") {
  if (!works()) return;
  const Bench bench(kCheck + " && ls test_*.py");
  fs::remove(bench.root / "test_calc.py");
  put(bench.root / "test_easy.py",
      "import unittest\n\n\nclass EasyTest(unittest.TestCase):\n"
      "    def test_easy(self):\n        pass\n");
  const CheckResult result = bench.verify();
  CHECK(result.status == CheckStatus::unverified);
  CHECK(result.changed_tests == std::vector<std::string>{"test_calc.py", "test_easy.py"});
}

TEST_CASE("a script of the check that the run wrote itself does not verify") {
  if (!works()) return;
  const Bench bench("./check.sh");
  put(bench.root / "check.sh", "#!/bin/sh\nexit 0\n");
  fs::permissions(bench.root / "check.sh", fs::perms(0755));
  CHECK(bench.verify().status == CheckStatus::unverified);
}

TEST_CASE("what stands in for a module or program is known by its name and place") {
  const auto is_package = [](const std::string& folder) { return folder == "pkg"; };
  for (const char* path : {"unittest.py", "json.so", "src/random.py", "runner.py"}) {
    CHECK(stands_in(path, "cd src && python3 -m runner", is_package));
  }
  for (const char* path :
       {"calc.py", "pkg/types.py", "json/data.txt", "fizz.py", "docs/time.md", "hello.c"}) {
    CHECK_FALSE(stands_in(path, "gcc hello.c && python3 -c 'import fizz'", is_package));
  }
}

TEST_CASE("a check in a worktree, also of an attempt's copy, can ask git") {
  if (!works()) return;
  if (run_process({"git", "--version"}, {}).exit_code != 0) {
    WARN("SKIP: no git here");
    return;
  }
  Bench bench("true");
  const auto git = [&](const fs::path& folder, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"git", "-C", folder.string(), "-c", "user.name=a", "-c", "user.email=a@b"});
    return run_process(arguments, {{"GIT_CONFIG_GLOBAL", "/dev/null"}}).exit_code == 0;
  };
  const fs::path main = bench.root, side = bench.dir.path() / "side";
  REQUIRE(git(main, {"init", "-q"}));
  REQUIRE(git(main, {"add", "."}));
  REQUIRE(git(main, {"commit", "-q", "-m", "x"}));
  REQUIRE(git(main, {"worktree", "add", "-q", side.string()}));
  bench.root = side;
  bench.begin("git ls-files --error-unmatch calc.py && git log -1");
  const CheckResult result = bench.verify();
  INFO(result.run.output);
  CHECK(result.status == CheckStatus::verified);
  const WorkingCopy working(*bench.workspace);
  const tools::Workspace copy(working.root(), bench.workspace->shown_as());
  const CheckResult attempt = bench.checker->verify(copy, false, {});
  INFO(attempt.run.output);
  CHECK(attempt.status == CheckStatus::verified);
}

TEST_CASE("a check whose script or expected output was changed is not verified") {
  if (!works()) return;
  Bench bench("make -s check");
  if (run_process({"make", "--version"}, {}).exit_code != 0) {
    WARN("SKIP: no make here");
    return;
  }
  put(bench.root / "Makefile",
      "check:\n\tsh ./scripts/check.sh\n\tpython3 show.py > out.txt\n\tdiff out.txt want.txt\n");
  put(bench.root / "scripts/check.sh", "exit 0\n");
  put(bench.root / "show.py", "print(1)\n");
  put(bench.root / "want.txt", "2\n");
  bench.begin("make -s check");
  CHECK(bench.verify().status == CheckStatus::failed);
  put(bench.root / "want.txt", "1\n");
  const CheckResult data = bench.verify();
  CHECK(data.status == CheckStatus::unverified);
  CHECK(data.changed_tests == std::vector<std::string>{"want.txt"});
  // What the recipe runs to look at its output is what is repaired.
  put(bench.root / "want.txt", "2\n");
  put(bench.root / "show.py", "print(2)\n");
  CHECK(bench.verify().status == CheckStatus::verified);
  put(bench.root / "scripts/check.sh", "exit 1\n");
  bench.begin("make -s check");
  put(bench.root / "scripts/check.sh", "true\n");
  const CheckResult script = bench.verify();
  CHECK(script.status == CheckStatus::unverified);
  CHECK(script.changed_tests == std::vector<std::string>{"scripts/check.sh"});
}

TEST_CASE("a test that only the command names, or whose name is capitalised, is held to its original") {
  if (!works()) return;
  const std::string right = "from calc import add\nassert add(2, 3) == 5\n";
  const std::string weak = "from calc import add\nassert add(2, 3) == -1\n";
  struct Row {
    const char *command, *path;
  };
  for (const auto& [command, path] :
       {Row{"PYTHONPATH=. python3 -m unittest -q Taskfile", "Taskfile.py"},
        Row{"PYTHONPATH=. bash -c 'python3 spec_calc.py'", "spec_calc.py"},
        Row{"PY=python3; $PY spec_calc.py", "spec_calc.py"},
        Row{"python3 - < spec_calc.py", "spec_calc.py"},
        Row{"for f in spec_*.py; do python3 $f || exit 1; done", "spec_calc.py"},
        Row{"PYTHONPATH=. python3 Tests/Calc.py", "Tests/Calc.py"},
        Row{"PYTHONPATH=. python3 -c 'import CalcTests'", "CalcTests.py"}}) {
    INFO(command);
    Bench bench(command);
    put(bench.root / path, right);
    bench.begin(command);
    CHECK(bench.verify().status == CheckStatus::failed);
    put(bench.root / path, weak);
    const CheckResult weakened = bench.verify();
    CHECK(weakened.status == CheckStatus::unverified);
    CHECK(weakened.changed_tests == std::vector<std::string>{path});
    put(bench.root / path, right);
    put(bench.root / "calc.py", "def add(a, b):\n    return a + b\n");
    CHECK(bench.verify().status == CheckStatus::verified);
  }
}

TEST_CASE("ignored files beyond what is copied are seen as they were, and never written") {
  if (!works()) return;
  Bench bench("true");
  const fs::path lib = bench.root / ".venv/lib", other = bench.dir.path() / "other";
  const auto is_as_before = [&] { return read_file(lib / "big") == "0123456789"; };
  put(lib / "big", "0123456789");
  put(lib / "small", "a");
  put(bench.root / ".venv/more", "0123456789");
  put(other / "big", "stranger");
  bench.begin("cat .venv/lib/big && ls -A .venv/lib . && echo x > .venv/lib/big && "
              "mv .venv/lib/big .venv/other && rm -r .venv",
              4);
  SECTION("in the workspace, whatever came beside them") {
    put(lib / "sitecustomize.py", "import os\nos._exit(0)\n");
    put(bench.root / ".venv/new/module.py", "");
    put(bench.root / "test_new.py", "");
    const CheckResult result = bench.verify();
    INFO(result.run.output);
    CHECK(result.status == CheckStatus::verified);
    CHECK(result.run.output ==
          "0123456789.:\n.venv\ncalc.py\ntest_calc.py\ntest_new.py\n\n.venv/lib:\nbig\nsmall\n");
    CHECK(result.run.left_out.empty());
    REQUIRE(result.originals.has_value());
    CHECK(result.originals->output ==
          "0123456789.:\n.venv\ncalc.py\ntest_calc.py\n\n.venv/lib:\nbig\nsmall\n");
    CHECK(is_as_before());
  }
  SECTION("in an attempt's copy") {
    const WorkingCopy working(*bench.workspace);
    put(working.root() / ".venv/lib/big", "changed by the attempt");
    const tools::Workspace attempt(working.root(), bench.workspace->shown_as());
    const CheckResult result = bench.checker->verify(attempt, false, {});
    INFO(result.run.output);
    CHECK(result.status == CheckStatus::verified);
    CHECK(is_as_before());
  }
  SECTION("one that was changed is missing and named") {
    const auto time = fs::last_write_time(lib / "big");
    put(lib / "big", "9876543210");
    fs::last_write_time(lib / "big", time);
    const CheckResult result = bench.verify();
    CHECK(result.status == CheckStatus::failed);
    CHECK(result.run.left_out == std::vector<std::string>{".venv/lib/big"});
    CHECK(result.run.output.find(left_out_text(result.run)) != std::string::npos);
  }
  SECTION("one that cannot be read with the rights of a mount is missing, not what is beside it") {
    bench.begin("ls -A .venv/lib", 4);
    const bool is_root = ::geteuid() == 0;  // who may read it in spite of its mode
    if (is_root) REQUIRE(::chown(lib.c_str(), 1000, 1000) == 0);
    fs::permissions(lib, is_root ? fs::perms(0700) : fs::perms(0311));
    const CheckResult result = bench.verify();
    fs::permissions(lib, fs::perms(0700));
    CHECK(result.run.left_out == std::vector<std::string>{".venv/lib/big"});
    CHECK(result.run.output == "small\n");
  }
  SECTION("one that lies behind a link by now is missing") {
    fs::rename(lib, bench.dir.path() / "moved");
    fs::create_directory_symlink(bench.dir.path() / "moved", lib);
    CHECK(bench.verify().run.left_out == std::vector<std::string>{".venv/lib/big"});
    fs::remove(lib);
    fs::create_directory_symlink(other, lib);
    const CheckResult result = bench.verify();
    CHECK(result.run.left_out == std::vector<std::string>{".venv/lib/big"});
    CHECK(result.run.output.find("stranger") == std::string::npos);
  }
}

TEST_CASE("ignored files that change while the check sees them do not decide") {
  if (!works()) return;
  Bench bench("true");
  put(bench.root / ".venv/big", "0123456789");
  bench.begin("sleep 0.3; cat .venv/big .venv/new; test ! -s .venv/big", 4);
  std::atomic<bool> is_over = false;
  std::thread other([&] {
    for (int i = 0; !is_over; ++i) {
      put(bench.root / ".venv/new", std::to_string(i));
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  });
  const CheckResult result = bench.verify();
  is_over = true;
  other.join();
  CHECK(result.status == CheckStatus::verified);  // by a run in which there was none
  CHECK(result.run.left_out == std::vector<std::string>{".venv/big"});
}

TEST_CASE("a changed test file that is too large for snapshots is named, and nothing is verified") {
  if (!works()) return;
  Bench bench("true");
  const auto fill = [&](char c) { put(bench.root / "tests/data.bin", std::string(17 << 20, c)); };
  fill('a');
  bench.begin("true");
  CHECK(bench.verify().status == CheckStatus::verified);
  const WorkingCopy working(*bench.workspace);
  const tools::Workspace attempt(working.root(), bench.workspace->shown_as());
  CHECK(bench.checker->verify(attempt, false, {}).status == CheckStatus::verified);
  const auto time = fs::last_write_time(working.root() / "tests/data.bin");
  put(working.root() / "tests/data.bin", std::string(17 << 20, 'b'));
  fs::last_write_time(working.root() / "tests/data.bin", time);
  CHECK(bench.checker->verify(attempt, false, {}).status == CheckStatus::unverified);
  fill('b');
  const CheckResult result = bench.verify();
  CHECK(result.status == CheckStatus::unverified);
  CHECK(result.changed_tests == std::vector<std::string>{"tests/data.bin"});
  CHECK_FALSE(result.originals.has_value());
}
