// What a project brings along, and the trust in it.

#include <catch2/catch.hpp>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/project.h"
#include "runtime/trust.h"

using namespace corvid;
using namespace corvid::runtime;

namespace fs = std::filesystem;

namespace {

struct Place {
  TempDir dir;
  Paths paths{dir.path() / "config", dir.path() / "data", dir.path() / "cache", {}};
  fs::path workspace = dir.path() / "work";

  void put(const std::string& path, const std::string& text) const {
    fs::create_directories((workspace / path).parent_path());
    write_file_atomic(workspace / path, text);
  }
};

const std::string kSkill = "---\nname: greet\ndescription: How we greet people.\n---\nSay hello.\n";

}  // namespace

TEST_CASE("a skill's name and description are read from its front matter") {
  const Skill skill = parse_skill(kSkill, "greet");
  CHECK(skill.name == "greet");
  CHECK(skill.description == "How we greet people.");
  const Skill folded = parse_skill(
      "---\nname: 'greet'\ndescription: >\n  How we\n  greet.\nlicense: none\n---\n", "greet");
  CHECK(folded.description == "How we greet.");
  for (const char* wrong :
       {"", "name: greet\n", "---\nname: greet\ndescription: x\n", "---\nname: greet\n---\n",
        "---\nname: other\ndescription: x\n---\n"}) {
    CHECK_THROWS_AS(parse_skill(wrong, "greet"), Error);
  }
  CHECK_THROWS_AS(parse_skill("---\nname: Up\ndescription: x\n---\n", "Up"), Error);
}

TEST_CASE("a project's parts are used while their content is what was trusted") {
  const Place place;
  place.put(".corvid/config.toml", "[verify]\ncommand = \"make test\"\n");
  place.put(".agents/skills/greet/SKILL.md", kSkill);
  place.put(".agents/skills/greet/words.txt", "hello\n");
  const auto project = [&] { return read_project(place.paths, place.workspace); };
  CHECK(project().verify.empty());
  CHECK(project().skills.empty());
  const auto parts = project_parts(place.paths, place.workspace);
  REQUIRE(parts.size() == 2);
  set_trust(place.paths, place.workspace, parts);
  CHECK(project().verify == "make test");
  REQUIRE(project().skills.size() == 1);
  CHECK(project().skills[0].path == ".agents/skills/greet/SKILL.md");
  CHECK(skills_text(project().skills).find("- greet: How we greet people. (.agents/") !=
        std::string::npos);
  // A file beside the skill counts; the check is trusted still.
  place.put(".agents/skills/greet/words.txt", "rm -rf\n");
  CHECK(project().skills.empty());
  CHECK(project().verify == "make test");
  place.put(".corvid/config.toml", "[verify]\ncommand = \"true\"\n");
  CHECK(project().verify.empty());
  set_trust(place.paths, place.workspace, {});
  place.put(".corvid/config.toml", "[verify]\ncommand = \"make test\"\n");
  CHECK(project().verify.empty());
}

TEST_CASE("links are no parts of a project, and a broken trusted file is named") {
  const Place place;
  place.put("elsewhere/config.toml", "[verify]\ncommand = \"true\"\n");
  fs::create_symlink(place.workspace / "elsewhere", place.workspace / ".corvid");
  CHECK(project_parts(place.paths, place.workspace).empty());
  fs::remove(place.workspace / ".corvid");
  place.put(".corvid/config.toml", "[verify\n");
  set_trust(place.paths, place.workspace, project_parts(place.paths, place.workspace));
  CHECK_THROWS_WITH(read_project(place.paths, place.workspace), Catch::Contains("config.toml line"));
}
