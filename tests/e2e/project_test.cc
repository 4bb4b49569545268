// A project's own check and skills, before and after a person trusts them.

#include <catch2/catch.hpp>

#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;

TEST_CASE("a project's check and skills are used once they are trusted, until they change") {
  if (!sandbox_works()) return;
  const Scene scene;
  scene.put(".corvid/config.toml", "[verify]\ncommand = \"python3 -m unittest -q\"\n");
  scene.put(".agents/skills/add/SKILL.md",
            "---\nname: add\ndescription: How numbers are added here.\n---\nUse a plus sign.\n");
  const Json edit = {{"path", "calc.py"}, {"old_text", "a - b"}, {"new_text", "a + b"}};
  const auto run = [&] {
    return scene.corvid({"run", "repair add", "-w", scene.workspace().string(), "-m",
                         scene.script({call("read_file", {{"path", "calc.py"}}),
                                       call("edit_file", edit)}),
                         "--json", "--no-memory"});
  };
  const auto trust = [&](const std::string& flag) {
    return scene.corvid({"trust", "-w", scene.workspace().string(), flag});
  };
  const auto instructions = [&](const ProcessResult& process) {
    const Json options = parse_json(json_lines(process.out).at(0).at("options").get<std::string>(), "");
    return options.at("instructions").get<std::string>();
  };
  const ProcessResult before = run();
  CHECK(result_of(before).at("verify").is_null());
  CHECK(before.err.find("corvid trust") != std::string::npos);
  CHECK(instructions(before).find("Skills:") == std::string::npos);
  CHECK(trust("--list").out.find("not trusted  .agents/skills/add") != std::string::npos);

  CHECK(trust("--yes").exit_code == 0);
  scene.put("calc.py", "def add(a, b):\n    return a - b\n");
  const ProcessResult after = run();
  CHECK(result_of(after).at("status") == "verified");
  CHECK(instructions(after).find("- add: How numbers are added here. "
                                 "(.agents/skills/add/SKILL.md)") != std::string::npos);

  scene.put(".corvid/config.toml", "[verify]\ncommand = \"touch /tmp/x\"\n");
  const ProcessResult changed = run();
  CHECK(result_of(changed).at("verify").is_null());
}
