#include "runtime/hooks.h"

#include <catch2/catch.hpp>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/trust.h"
#include "tests/support/process.h"

using namespace corvid;
using namespace corvid::runtime;

namespace {

std::string refusal_of_hooks(const std::string& config) {
  const TempDir folder;
  write_file_atomic(folder.path() / "config.toml", config);
  try {
    parse_hooks(folder.path() / "config.toml", folder.path() / "hooks");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("hooks are read from [[hooks]] of config.toml") {
  const TempDir folder;
  const auto file = folder.path() / "config.toml";
  CHECK(parse_hooks(file, "/x").empty());
  write_file_atomic(file,
                    "[memory]\nembedder = \"none\"\n"
                    "[[hooks]]\nevent = \"before_tool\"\ncommand = \"guard\"\n"
                    "tools = [\"shell\", \"process\"]\ntime_max_s = 5\n"
                    "[[hooks]]\nevent = \"finish\"\ncommand = \"note\"\n");
  const std::vector<Hook> hooks = parse_hooks(file, "/x");
  REQUIRE(hooks.size() == 2);
  CHECK(hooks[0].event == HookEvent::before_tool);
  CHECK(hooks[0].command == "guard");
  CHECK(hooks[0].tools == std::vector<std::string>{"shell", "process"});
  CHECK(hooks[0].time_max_s == 5);
  CHECK(hooks[1].event == HookEvent::finish);
  CHECK(hooks[1].tools.empty());
  CHECK(hooks[1].scripts == "/x");
}

TEST_CASE("what is no hook is refused with its line") {
  const std::pair<std::string, std::string> rows[] = {
      {"[[hooks]]\nevent = \"later\"\ncommand = \"x\"\n", "line 2: an event is"},
      {"[[hooks]]\nevent = \"finish\"\n", "needs event and command"},
      {"[[hooks]]\ncommand = \"x\"\n", "needs event and command"},
      {"[[hooks]]\nevent = \"finish\"\ncommand = \"x\"\nwhen = 1\n", "known in [[hooks]]"},
      {"[[hooks]]\nevent = \"finish\"\ncommand = \"x\"\ntime_max_s = 0\n", "1 to 3600"},
      {"[[hooks]]\nevent = \"finish\"\ncommand = \"x\"\ntools = \"shell\"\n", "a list"},
      {"hooks = 1\n", "write [[hooks]]"},
      {"[hooks\n", "line 1"}};
  for (const auto& [config, text] : rows) {
    INFO(config);
    CHECK_THAT(refusal_of_hooks(config), Catch::Contains(text));
  }
}

TEST_CASE("a project's hooks need trust in its configuration and in their scripts") {
  const TempDir folder;
  Paths paths;
  paths.config = folder.path() / "config";
  paths.data = folder.path() / "data";
  const auto workspace = folder.path() / "work";
  std::filesystem::create_directories(workspace / ".corvid" / "hooks");
  write_file_atomic(workspace / kProjectConfig,
                    "[[hooks]]\nevent = \"finish\"\ncommand = \"sh $CORVID_HOOKS/a.sh\"\n");
  write_file_atomic(workspace / ".corvid" / "hooks" / "a.sh", "true\n");
  CHECK(read_hooks(paths, workspace).empty());
  set_trust(paths, workspace, project_parts(paths, workspace));
  REQUIRE(read_hooks(paths, workspace).size() == 1);
  CHECK(read_hooks(paths, workspace)[0].scripts == workspace / kProjectHooks);
  write_file_atomic(workspace / ".corvid" / "hooks" / "a.sh", "false\n");
  CHECK(read_hooks(paths, workspace).empty());
}
