#include "runtime/early_check.h"

#include <catch2/catch.hpp>

using namespace corvid;
using namespace corvid::runtime;

namespace {

CheckRan ran(const std::string& command, int exit_code, const std::string& output) {
  return {"verify", command, exit_code, false, output, 0};
}

Event event(EventBody body, int attempt = -1) {
  return {0, {}, attempt, std::move(body)};
}

}  // namespace

TEST_CASE("a check cannot run when the shell or python -m lacks what the command names") {
  struct Case {
    CheckRan run;
    bool is_fixed;
    std::string line;  // empty: it ran
  };
  const std::string dash = "/bin/sh: 1: nosuchcommand: not found";
  const std::string bash = "/bin/sh: line 1: nosuchcommand: command not found";
  const std::string path = "/bin/sh: 1: ./check.sh: not found";
  const std::string locked = "/bin/sh: 1: ./check.sh: Permission denied";
  const std::string pytest = "/usr/bin/python3: No module named pytest";
  const std::string own = "/usr/bin/python3: No module named shop.selftest";
  const std::vector<Case> cases = {
      {ran("nosuchcommand", 127, dash + "\n"), false, dash},
      {ran("nosuchcommand -q", 127, bash + "\n"), false, bash},
      // A model may write it yet, but none that only repairs.
      {ran("./check.sh", 127, path + "\n"), false, ""},
      {ran("./check.sh", 127, path + "\n"), true, path},
      {ran("./check.sh", 126, locked + "\n"), true, locked},
      {ran("python3 -m pytest -q", 1, pytest + "\n"), false, pytest},
      {ran("python3 -m shop.selftest", 1, own + "\n"), false, ""},
      {ran("python3 -m shop.selftest", 1, own + "\n"), true, own},
      // What the tests themselves call or import.
      {ran("make test", 127, dash + "\n"), true, ""},
      {ran("nosuchcommand", 1, dash + "\n"), true, ""},
      {ran("python3 -m unittest", 1, "ModuleNotFoundError: No module named 'pytest'\n"), true, ""},
      {ran("python3 -m unittest", 1, pytest + "\n"), true, ""},
      {ran("nosuchcommand", 0, dash + "\n"), true, ""},
      {ran("make test", 2, ""), true, ""}};
  for (const Case& each : cases) {
    CAPTURE(each.run.command, each.run.output, each.is_fixed);
    CHECK(why_check_cannot_run(each.run, each.is_fixed) == each.line);
  }
}

TEST_CASE("a log ends with a pass until another task, an undo or a failed check comes") {
  const Event start = event(SessionStarted{1, "id", "/w", "task", "{}", ""});
  const Event verified = event(AttemptEnded{"verified", "", {}}, 3);
  const Event passed = event(ran("make", 0, "")), failed = event(ran("make", 1, ""));
  const Event failed_attempt = event(AttemptEnded{"failed", "", {}}, 4);
  using Events = std::vector<Event>;
  CHECK_FALSE(ends_with_pass(Events{start}));
  CHECK(ends_with_pass(Events{start, passed}));
  CHECK(ends_with_pass(Events{start, verified, failed_attempt}));
  CHECK_FALSE(ends_with_pass(Events{start, passed, failed}));
  CHECK_FALSE(ends_with_pass(Events{start, verified, start}));
  CHECK_FALSE(ends_with_pass(Events{start, verified, event(WorkspaceRestored{"a", "undo", 0})}));
  CHECK(ends_with_pass(Events{start, verified, event(WorkspaceRestored{"b", "restore", 0})}));
  // An attempt's check decides for the attempt alone.
  Event in_attempt = passed;
  in_attempt.attempt = 1;
  CHECK_FALSE(ends_with_pass(Events{start, in_attempt}));
}
