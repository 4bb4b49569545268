#include "tools/c_trace.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <string>

#include "runtime/base/files.h"
#include "sandbox/sandbox.h"
#include "tests/tools/tool_fixture.h"
#include "tools/python_trace.h"

using namespace corvid;
using namespace corvid::tools;

namespace {

struct TracedCheck {
  Evidence evidence;
  int exit_code = 0;
  std::string output;
};

bool has_gcc() {
  const bool has = std::system(
                       "gcc --version >/dev/null 2>&1 && gcov --version >/dev/null 2>&1 && "
                       "make --version >/dev/null 2>&1") == 0;
  if (!has) WARN("SKIP: gcc, gcov or make is not installed");
  return has;
}

TracedCheck run_traced(ToolFixture& fixture, const std::string& check) {
  const TempDir folder("corvid-c-trace");
  const char* path = std::getenv("PATH");
  const CTrace trace = prepare_c_trace(folder.path(), path == nullptr ? "/usr/bin:/bin" : path);
  sandbox::Profile profile;
  profile.environment = trace.environment;
  sandbox::Command command;
  command.argv = {"/bin/sh", "-c", check};
  command.cwd = fixture.workspace.root();
  const auto sandbox = sandbox::make_sandbox("none");
  const sandbox::Outcome outcome = sandbox->run(command, profile, {});
  command.argv = {"/bin/sh", "-c", trace.collect};
  if (has_c_results(trace)) sandbox->run(command, profile, {});
  TracedCheck out;
  out.exit_code = outcome.exit_code;
  out.output = outcome.output;
  out.evidence.tracebacks = find_tracebacks(outcome.output, fixture.workspace);
  add_c_evidence(trace, outcome.exit_code, fixture.workspace, out.evidence);
  return out;
}

constexpr const char* kStack =
    "#include \"stack.h\"\n"  // 1
    "int push(struct stack *s, int v) {\n"
    "  if (s->count == 4)\n"
    "    return -1;\n"
    "  s->items[s->count++] = v;\n"  // 5
    "  return 0;\n"
    "}\n"
    "int pop(struct stack *s) {\n"
    "  int *null = 0;\n"
    "  return s->count > 0 ? s->items[--s->count] : *null;\n"  // 10
    "}\n";

void put_stack(ToolFixture& fixture) {
  fixture.put("stack.h",
              "struct stack { int items[4]; int count; };\n"
              "int push(struct stack *s, int v);\nint pop(struct stack *s);\n");
  fixture.put("stack.c", kStack);
  fixture.put("test_push.c",
              "#include \"stack.h\"\nint main(void) {\n  struct stack s = {{0}, 0};\n"
              "  return push(&s, 1);\n}\n");
  fixture.put("test_pop.c",
              "#include \"stack.h\"\nint main(void) {\n  struct stack s = {{0}, 0};\n"
              "  return pop(&s);\n}\n");
  fixture.put("Makefile",
              "test: test_push test_pop\n\t./test_push\n\t./test_pop\n"
              "test_%: test_%.c stack.c\n\t$(CC) -o $@ $^\n");
}

}  // namespace

TEST_CASE(
    "a traced check of C tells lines of failing and of passing programs, and where it ended") {
  if (!has_gcc()) return;
  ToolFixture fixture;
  put_stack(fixture);
  const TracedCheck check = run_traced(fixture, "make test");
  INFO(check.output);
  CHECK(check.exit_code != 0);
  CHECK(check.evidence.passing_test_count == 1);
  CHECK(check.evidence.failing_test_count == 1);
  REQUIRE(check.evidence.executed.contains("stack.c"));
  const auto& lines = check.evidence.executed.at("stack.c");
  REQUIRE(lines.contains(5));
  CHECK(lines.at(5).failing_tests == 0);
  CHECK(lines.at(5).passing_tests == 1);
  REQUIRE(lines.contains(10));
  CHECK(lines.at(10).failing_tests == 1);
  CHECK_FALSE(lines.contains(4));
  // The signal's stack: main, then pop.
  REQUIRE_FALSE(check.evidence.tracebacks.empty());
  const std::vector<Frame>& frames = check.evidence.tracebacks.back();
  CHECK(frames.back().path == "stack.c");
  CHECK(frames.back().line == 10);
  CHECK(frames.back().function == "pop");
  CHECK(frames.front().path == "test_pop.c");
}

TEST_CASE("programs that all end well are one failing test where the check fails") {
  if (!has_gcc()) return;
  ToolFixture fixture;
  put_stack(fixture);
  const TracedCheck check = run_traced(
      fixture, "cc -o t test_push.c stack.c && ./t && ./t && test \"$(./t)\" = expected");
  CHECK(check.exit_code == 1);
  CHECK(check.evidence.failing_test_count == 1);
  CHECK(check.evidence.passing_test_count == 0);
  CHECK(check.evidence.executed.at("stack.c").at(5).failing_tests == 1);
}

TEST_CASE("what cannot be built traced is built as it was asked for") {
  if (!has_gcc()) return;
  ToolFixture fixture;
  put_stack(fixture);
  const TracedCheck broken = run_traced(fixture, "cc -c stack.c -Dpush=1+");
  CHECK(broken.exit_code != 0);
  CHECK(broken.output.find("error") != std::string::npos);
  CHECK(broken.evidence.executed.empty());
  const TracedCheck plain =
      run_traced(fixture, "echo 'int f(void) { return 0; }' | gcc -x c -c -o f.o - && test -s f.o");
  CHECK(plain.exit_code == 0);
}

TEST_CASE("places that C programs and tools print are read from the output") {
  ToolFixture fixture;
  put_stack(fixture);
  const std::string root = fixture.workspace.shown_as().string();
  const auto found = find_tracebacks(
      "stack.c:5:3: error: expected ';'\n"
      "stack.c:6:3: warning: unused\n"
      "t: ./stack.c:10: pop: Assertion `s' failed.\n"
      "    #0 0x4 in pop " +
          root +
          "/stack.c:9:3\n"
          "    #1 0x5 in abort /lib/x.c:3\n"
          "    #2 0x6 in main " +
          root +
          "/test_pop.c:4\n"
          "at 12:30 other.c:3: nothing\n",
      fixture.workspace);
  REQUIRE(found.size() == 3);
  CHECK(found[0][0].line == 5);
  CHECK(found[1][0].line == 10);
  REQUIRE(found[2].size() == 2);
  CHECK(found[2][0].path == "test_pop.c");
  CHECK(found[2][1].line == 9);
}
