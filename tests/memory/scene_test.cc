#include <catch2/catch.hpp>

#include "memory/memory.h"
#include "tests/memory/support.h"

using namespace corvid;
using namespace corvid::memory;
using namespace corvid::memory::testing;

namespace {

void talk(Memory& memory, const std::string& session, const std::string& day,
          const std::vector<std::string>& lines) {
  for (const std::string& line : lines) memory.remember(said(session, "Ann", line, day));
  memory.close_session(session);
}

}  // namespace

TEST_CASE("Cells of one theme make a scene; other themes and later times make others") {
  Memory memory(in_memory());
  talk(memory, "a", "2026-03-01", {"The greenhouse needs new glass panes",
                                   "The tomatoes in the greenhouse got frost"});
  talk(memory, "b", "2026-03-02", {"My violin teacher wants a recital", "The violin strings broke"});
  talk(memory, "c", "2026-03-05", {"Glass panes for the greenhouse arrived",
                                   "Frost killed the greenhouse tomatoes"});
  talk(memory, "d", "2026-06-05", {"The greenhouse glass panes held, the tomatoes had no frost"});
  const std::vector<MemScene> scenes = memory.scenes({.scope = memory.scope()}, 10);
  REQUIRE(scenes.size() == 3);
  CHECK(scenes[0].cells == std::vector<CellId>{4});  // newest first
  CHECK(scenes[1].cells == std::vector<CellId>{2});
  CHECK(scenes[2].cells == std::vector<CellId>{1, 3});
  CHECK(scenes[2].turn_count == 4);
  CHECK(scenes[2].id == "s1");
  CHECK(scenes[2].label.find("glass") != std::string::npos);
  CHECK_FALSE(scenes[2].summary.empty());
  CHECK(memory.scenes({.scope = memory.scope()}, 1).size() == 1);
}

TEST_CASE("A scene keeps nothing of what was forgotten") {
  Memory memory(in_memory());
  talk(memory, "a", "2026-03-01", {"The greenhouse key hides under the zinnia pot"});
  talk(memory, "b", "2026-03-02", {"The greenhouse key was found, the lock works"});
  memory.forget(memory.find_to_forget({.text = "zinnia"}, {.scope = memory.scope()}), "");
  for (const MemScene& scene : memory.scenes({.scope = memory.scope()}, 10)) {
    CHECK(scene.label.find("zinnia") == std::string::npos);
    CHECK(scene.summary.find("zinnia") == std::string::npos);
    CHECK(scene.cells == std::vector<CellId>{2});
  }
}
