#include <catch2/catch.hpp>

#include "memory/memory.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "tests/memory/support.h"

using namespace corvid;
using namespace corvid::memory;
using namespace corvid::memory::testing;

TEST_CASE("A corrected turn is recalled in its new version only") {
  Memory memory(in_memory());
  memory.remember(said("s", "Ann", "the staging port is 8080", "2026-01-01"));
  memory.remember(said("s", "Ann", "the weather was fine", "2026-01-02"));
  const WriteResult result = memory.edit("t1", "the staging port is 8443");
  CHECK(result.outcome == Written::stored);
  const Recall recall = memory.recall("which port does staging use");
  REQUIRE_FALSE(recall.hits.empty());
  CHECK(recall.hits.front().text == "the staging port is 8443");
  CHECK(recall.context.find("8080") == std::string::npos);
  const std::optional<Turn> turn = memory.turn(result.id);
  REQUIRE(turn);
  CHECK(turn->tier == Tier::user);
  CHECK(format_time(turn->said_at).starts_with("2026-01-01"));
  for (const Fact& fact : memory.facts({.scope = memory.scope()}, 10)) {
    CHECK(fact.value == "8443");
    CHECK(fact.status == Fact::Status::active);
  }
  const std::optional<Why> why = memory.why("t1");
  REQUIRE(why);
  CHECK(why->sources.front().text == "the staging port is 8080");
  CHECK(why->history.back().op == "amend");
  CHECK(memory.verify().problems.empty());
  CHECK_THROWS_AS(memory.edit("t1", "again"), Error);
  CHECK_THROWS_AS(memory.edit("t77", "nothing"), Error);
  CHECK_THROWS_AS(memory.edit("c1", "a cell"), Error);
  CHECK_THROWS_AS(memory.edit("t2", "  "), Error);
}

TEST_CASE("A corrected fact has its new value, and rebuilding keeps it") {
  Memory memory(in_memory());
  memory.remember(said("s", "Ann", "I live in Paris and like it. My phone number is 555-0100."));
  for (const Fact& fact : memory.facts({.scope = memory.scope()}, 10)) {
    if (fact.key == "home") memory.edit(fact_name(fact.id), "London");
  }
  const auto values = [&] {
    std::vector<std::string> out;
    for (const Fact& fact : memory.facts({.scope = memory.scope()}, 10)) {
      out.push_back(fact.key + "=" + fact.value);
    }
    return out;
  };
  const std::vector<std::string> wanted = {"home=London", "phone number=555-0100"};
  CHECK(values() == wanted);
  memory.rebuild();
  CHECK(values() == wanted);
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("A corrected fact is corrected where it is stated, or not at all") {
  Memory memory(in_memory());
  memory.remember(said("s", "Ann", "Our API version 3 port is 3"));
  memory.remember(said("s", "Ann", "My cat is Tom and my dog is Tom"));
  CHECK(memory.turn(memory.edit("f1", "4444").id)->text == "Our API version 3 port is 4444");
  for (const Fact& fact : memory.facts({.scope = memory.scope()}, 10)) {
    if (fact.key != "dog") continue;
    CHECK_THROWS_AS(memory.edit(fact_name(fact.id), "Rex, and my cat is Tim"), Error);
    const TurnId id = memory.edit(fact_name(fact.id), "Rex").id;
    CHECK(memory.turn(id)->text == "My cat is Tom and my dog is Rex");
  }
  CHECK(memory.stats().turns == 4);
}

TEST_CASE("Forgetting one version forgets all of them") {
  const TempDir folder;
  Memory memory(in_folder(folder.path()));
  memory.remember(said("s", "Ann", "the vault code is tangerine"));
  memory.edit("t1", "the vault code is mandarin");
  memory.edit("t2", "the vault code is clementine");
  const auto preview =
      memory.find_to_forget({.text = "mandarin"}, {.scope = memory.scope()});
  CHECK(preview.turns.size() == 3);
  memory.forget(preview, "");
  const std::string bytes = all_bytes_below(folder.path());
  for (const char* word : {"tangerine", "mandarin", "clementine"}) {
    CHECK(bytes.find(word) == std::string::npos);
  }
  CHECK(memory.stats().turns == 0);
}

TEST_CASE("While a scope is paused the agent writes nothing, and a person still can") {
  const TempDir folder;
  MemoryConfig here = in_folder(folder.path());
  here.scope.project = "/here";
  MemoryConfig there = here;
  there.scope.project = "/there";
  Memory first(here);
  Memory second(there);
  first.set_paused(true, false);
  CHECK(first.is_paused());
  CHECK_FALSE(second.is_paused());
  CHECK(first.remember(said("s", "Ann", "unseen")).outcome == Written::paused);
  CHECK(second.remember(said("s", "Ann", "seen")).outcome == Written::stored);
  NewTurn note = said("notes", "Ann", "by hand");
  note.allow_paused = true;
  CHECK(first.remember(note).outcome == Written::stored);
  CHECK(Memory(here).is_paused());  // it is kept in the store
  second.set_paused(true, true);
  first.set_paused(false, false);
  CHECK(first.is_paused());
  second.set_paused(false, true);
  CHECK_FALSE(first.is_paused());
  CHECK(first.remember(said("s", "Ann", "seen again")).outcome == Written::stored);
  CHECK(first.verify().problems.empty());
}
