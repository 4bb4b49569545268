// What is seen where: projects, what was promoted out of them, and back.

#include <catch2/catch.hpp>

#include "memory/memory.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "tests/memory/support.h"

using namespace corvid;
using namespace corvid::memory;
using namespace corvid::memory::testing;

namespace {

MemoryConfig project_of(const TempDir& folder, const std::string& project,
                        const std::string& user = "") {
  MemoryConfig config = in_folder(folder.path());
  config.scope.project = project;
  config.scope.user = user;
  return config;
}

// What a project sees of a word: turns, facts, plans.
std::string seen(const Memory& memory, const std::string& word) {
  std::string out;
  const ScopeFilter here{.scope = memory.scope()};
  for (const Hit& hit : memory.recall(word).hits) {
    if (hit.text.find(word) != std::string::npos) out += hit.id + " ";
  }
  for (const Fact& fact : memory.facts(here, 100)) {
    if (fact.text.find(word) != std::string::npos) out += "fact ";
  }
  for (const Foresight& plan : memory.foresights(here, parse_time("2026-03-03"))) {
    if (plan.text.find(word) != std::string::npos) out += "plan ";
  }
  return out;
}

std::vector<std::string> ids(std::initializer_list<const char*> list) {
  return {list.begin(), list.end()};
}

}  // namespace

TEST_CASE("A promoted turn is seen in all projects of its user, and demoted in its own again") {
  const TempDir folder;
  Memory one(project_of(folder, "/one"));
  Memory two(project_of(folder, "/two"));
  Memory bob(project_of(folder, "/one", "bob"));
  one.remember(said("s", "Ann", "The weather in Porto is fine", "2026-03-01"));
  one.remember(said("s", "Ann", "The parcel code is Bluefin-7. I'm going to send the Bluefin"
                                " parcel on March 9", "2026-03-02"));
  two.remember(said("s", "Ann", "The parcel code is Cod-1", "2026-03-02"));
  CHECK(seen(one, "Bluefin") == "t2 fact plan ");
  CHECK(seen(two, "Bluefin").empty());
  CHECK(one.promote(ids({"t2"}), false) == 1);
  CHECK(one.promote(ids({"t2"}), false) == 0);
  CHECK(seen(one, "Bluefin") == "t2 fact plan ");
  CHECK(seen(two, "Bluefin") == "t2 fact plan ");
  CHECK(seen(two, "Porto").empty());
  CHECK(seen(bob, "Bluefin").empty());
  CHECK_THROWS_AS(bob.promote(ids({"t2"}), true), Error);
  CHECK(one.why("t2")->history.back().op == "promote");
  CHECK(one.verify().problems.empty());
  one.rebuild();
  CHECK(seen(two, "Bluefin") == "t2 fact plan ");
  SECTION("a correction is seen where the turn is") {
    two.edit("t2", "The parcel code is Bluefin-8");
    CHECK(seen(one, "Bluefin") == "t4 fact ");
    CHECK(two.demote(ids({"t4"})) == 2);
    CHECK(seen(two, "Bluefin").empty());
    CHECK(seen(one, "Bluefin") == "t4 fact ");
  }
  SECTION("to all users of the tenant") {
    CHECK(two.promote(ids({"t2"}), true) == 1);
    CHECK(seen(bob, "Bluefin") == "t2 fact plan ");
    CHECK(seen(two, "Bluefin") == "t2 fact plan ");
    CHECK(bob.promote(ids({"t2"}), false) == 0);  // nobody takes it from the others
    CHECK(seen(one, "Bluefin") == "t2 fact plan ");
    Memory next(project_of(folder, "/two"));
    CHECK(next.demote(ids({"t2"})) == 1);
    CHECK(seen(bob, "Bluefin").empty());
    CHECK(seen(two, "Bluefin").empty());
    CHECK(seen(one, "Bluefin") == "t2 fact plan ");
  }
  SECTION("forgotten from where it is seen, for good") {
    two.forget(two.find_to_forget({.ids = {"t2"}}, {.scope = two.scope()}), "");
    CHECK(seen(one, "Bluefin").empty());
    CHECK(all_bytes_below(folder.path()).find("Bluefin") == std::string::npos);
    CHECK(one.remember(said("s", "Ann", "The parcel code is Bluefin-7. I'm going to send the"
                                        " Bluefin parcel on March 9", "2026-03-02")).outcome ==
          Written::forgotten);
  }
  CHECK(one.verify().problems.empty());
}

TEST_CASE("What is written for every project is read in each, by its user alone") {
  const TempDir folder;
  Memory everywhere(project_of(folder, kEverywhere));
  everywhere.remember(said("notes", "Ann", "My editor is helix", "2026-03-01"));
  Memory one(project_of(folder, "/one"));
  CHECK(seen(one, "helix") == "t1 fact ");
  CHECK(seen(Memory(project_of(folder, "/one", "bob")), "helix").empty());
  one.set_paused(true, false);
  CHECK(one.is_paused());
  CHECK_FALSE(everywhere.is_paused());
  MemoryConfig other = project_of(folder, kEverywhere);
  other.scope.tenant = "acme";
  CHECK(seen(Memory(other), "helix").empty());
}

TEST_CASE("What was forgotten in all projects is taken back in none; what in one, only there not") {
  const TempDir folder;
  Memory one(project_of(folder, "/one"));
  Memory two(project_of(folder, "/two"));
  const std::string text = "The code name of the new telescope is Zanzibar";
  one.remember(said("s", "Ann", text, "2026-03-01"));
  const bool all_projects = GENERATE(true, false);
  one.forget(one.find_to_forget({.text = "Zanzibar"}, {one.scope(), all_projects}), "");
  CHECK(one.remember(said("s", "Ann", text, "2026-03-01")).outcome == Written::forgotten);
  CHECK(two.remember(said("s", "Ann", text, "2026-03-01")).outcome ==
        (all_projects ? Written::forgotten : Written::stored));
  Memory bob(project_of(folder, "/two", "bob"));
  CHECK(bob.remember(said("s", "Bob", text, "2026-03-01")).outcome == Written::stored);
}

TEST_CASE("Another conversation may have a turn at the place of a forgotten one") {
  const TempDir folder;
  Memory one(project_of(folder, "/one"));
  Memory two(project_of(folder, "/two"));
  const std::string text = "The code name of the new telescope is Zanzibar";
  one.remember(said("chat", "Ann", text, "2026-03-01", "1"));
  if (GENERATE(true, false)) one.promote(ids({"t1"}), false);
  one.forget(one.find_to_forget({.ids = {"t1"}}, {one.scope(), true}), "");
  const auto outcome = [&](Memory& memory, const std::string& said_text) {
    return memory.remember(said("chat", "Ann", said_text, "2026-03-02", "1")).outcome;
  };
  CHECK(outcome(one, "Something else") == Written::forgotten);
  CHECK(outcome(two, text) == Written::forgotten);
  CHECK(outcome(two, "Something else") == Written::stored);
}

TEST_CASE("What a project has forgotten none of its sessions takes back") {
  const TempDir folder;
  Memory one(project_of(folder, "/one"));
  const std::string text = "The code name of the new telescope is Zanzibar";
  one.remember(said("s", "Ann", text));
  one.forget(one.find_to_forget({.ids = {"t1"}}, {.scope = one.scope()}), "");
  MemoryConfig part = project_of(folder, "/one");
  part.scope.session = "aside";
  CHECK(Memory(part).remember(said("s", "Ann", text)).outcome == Written::forgotten);
}

TEST_CASE("Forget finds a text in any case, script and spacing") {
  Memory memory(in_memory());
  memory.remember(said("s", "Ann", "\u039c\u03b1\u03c1\u03af\u03b1 \u03a0\u03b1\u03c0\u03b1", "2026-03-01"));
  memory.remember(said("s", "Ann", "call \u039c\u0391\u03a1\u038a\u0391 \u03a0\u0391\u03a0\u0391 now", "2026-03-01"));
  memory.remember(said("s", "Ann", "operation Night\n   Hawk", "2026-03-01"));
  memory.remember(said("s", "Ann", "operation NIGHT HAWK", "2026-03-01"));
  const auto count = [&](const std::string& text) {
    return memory.find_to_forget({.text = text}, {.scope = memory.scope()}).turns.size();
  };
  CHECK(count("\u039c\u03b1\u03c1\u03af\u03b1 \u03a0\u03b1\u03c0\u03b1") == 2);
  CHECK(count("Night  Hawk") == 2);
  memory.remember(said("s", "Ann", "the universe is big", "2026-03-01"));
  memory.remember(said("s", "Ann", "the university is open", "2026-03-01"));
  CHECK(count("universe") == 1);  // not whatever has its stem
}
