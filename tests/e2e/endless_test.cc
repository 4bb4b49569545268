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

}  // namespace

TEST_CASE("an attempt's check has ten times the longest check so far at first") {
  using runtime::first_check_time;
  using std::chrono::milliseconds;
  CHECK(first_check_time({}) == milliseconds::max());
  const std::vector<runtime::Event> quick = {check_event(300, false), check_event(90'000, true)};
  CHECK(first_check_time(quick) == milliseconds(20'000));
  const std::vector<runtime::Event> slow = {check_event(300, false), check_event(5'000, false)};
  CHECK(first_check_time(slow) == milliseconds(50'000));
}

TEST_CASE("a repair whose check takes much longer than the failing one gets a second chance") {
  if (!sandbox_works()) return;
  const Scene scene;
  // Failing ends at once; passing takes longer than an attempt's check has at first.
  scene.put("check.py",
            "import sys, time\nfrom calc import add\nif add(1, 2) != 3: sys.exit(1)\n"
            "time.sleep(22)\n");
  const ProcessResult process =
      scene.corvid({"run", "check.py fails", "--workspace", scene.workspace().string(), "--verify",
                    "python3 check.py", "--attempts", "2", "--json"});
  INFO(process.err);
  CHECK(result_of(process).at("status") == "verified");
  CHECK(scene.get("calc.py") == "def add(a, b):\n    return a + b\n");
}
