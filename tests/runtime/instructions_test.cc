#include "runtime/instructions.h"

#include <catch2/catch.hpp>

#include "tests/support/files.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;
using test::put;

TEST_CASE("instructions are read from the root down, the override before the ordinary file") {
  const TempDir folder;
  const fs::path root = fs::canonical(folder.path());
  fs::create_directories(root / "repo/.git");
  put(root / "user.md", "be brief\n");
  put(root / "AGENTS.md", "above the repository\n");
  put(root / "repo/AGENTS.md", "use tabs\n");
  put(root / "repo/a/AGENTS.md", "not this\n");
  put(root / "repo/a/AGENTS.override.md", "but this\n");
  put(root / "repo/a/b/AGENTS.md", "\n \n");
  const std::string text = project_instructions(root / "repo/a/b", root / "user.md");
  CHECK(text == "Instructions from " + (root / "user.md").string() +
                    ":\n\nbe brief\n\nInstructions from AGENTS.md:\n\nuse tabs\n\n"
                    "Instructions from a/AGENTS.override.md:\n\nbut this");
  CHECK(project_instructions(root / "repo/a", root / "none").find("use tabs") != std::string::npos);
}

TEST_CASE("without a repository only the workspace itself is looked at") {
  const TempDir folder;
  const fs::path root = fs::canonical(folder.path());
  put(root / "AGENTS.md", "above\n");
  put(root / "work/AGENTS.md", "inside\n");
  CHECK(project_instructions(root / "work", "/nonexistent") ==
        "Instructions from AGENTS.md:\n\ninside");
  CHECK(project_instructions(root / "work/none", "/nonexistent").empty());
}

TEST_CASE("links out of the repository are not followed, long texts are cut") {
  const TempDir folder;
  const fs::path root = fs::canonical(folder.path());
  put(root / "secret", "the key\n");
  fs::create_directories(root / "repo/.git");
  fs::create_symlink("../secret", root / "repo/AGENTS.md");
  CHECK(project_instructions(root / "repo", "/nonexistent").empty());
  fs::remove(root / "repo/AGENTS.md");
  put(root / "repo/CLAUDE.md", std::string(40'000, 'x'));
  fs::create_symlink("CLAUDE.md", root / "repo/AGENTS.md");
  const std::string text = project_instructions(root / "repo", "/nonexistent");
  CHECK(text.size() == kInstructionBytesMax);
  CHECK(text.ends_with("[... cut at 32 KiB ...]"));
}

}  // namespace
}  // namespace corvid::runtime
