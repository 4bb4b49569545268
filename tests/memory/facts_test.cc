#include "memory/ingest/facts.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "memory/memory.h"
#include "runtime/base/files.h"
#include "tests/memory/support.h"

using namespace corvid;
using namespace corvid::memory;
using namespace corvid::memory::testing;

namespace {

// "subject|key|value" of each fact.
std::vector<std::string> stated(const std::string& text, Tier tier = Tier::user) {
  Turn turn;
  turn.text = text;
  turn.speaker = "Ann";
  turn.tier = tier;
  std::vector<std::string> out;
  for (const Fact& fact : facts_of(turn)) {
    out.push_back(fact.subject + "|" + fact.key + "|" + fact.value);
  }
  return out;
}

using Strings = std::vector<std::string>;

std::string status(const Memory& memory, const std::string& value) {
  for (const Fact& fact : memory.facts({.scope = memory.scope()}, 100)) {
    if (fact.value == value) return std::string(status_name(fact.status));
  }
  return "absent";
}

NewTurn by(const std::string& role, const std::string& text, const std::string& when) {
  NewTurn turn = by_role("s", role, text);
  turn.said_at = parse_time(when);
  return turn;
}

// Every order of the same turns.
void add_all(Memory& memory, std::vector<int> order) {
  const NewTurn turns[] = {
      by("user", "The staging port is 8080.", "2026-01-01"),
      by("user", "From today the staging port is 8443.", "2026-02-01"),
      by("assistant", "The staging port is 9000.", "2026-03-01"),
      by("user", "As I said, the staging port is 8443", "2026-04-01"),
  };
  for (const int i : order) memory.remember(turns[i]);
}

}  // namespace

TEST_CASE("Statements are read as subject, key and value") {
  CHECK(stated("My new phone number is 555-0199, call any time") ==
        Strings{"ann|phone number|555-0199"});
  CHECK(stated("my sister's name is Clara and she sings") == Strings{"ann|sister name|Clara"});
  CHECK(stated("I live in Lisbon now.") == Strings{"ann|home|Lisbon"});
  CHECK(stated("We met. I just moved to Porto because of work") == Strings{"ann|home|Porto"});
  CHECK(stated("I work for Acme Corp, by the way") == Strings{"ann|employer|Acme Corp"});
  CHECK(stated("I now have 4 bikes") == Strings{"ann|number of bikes|4"});
  CHECK(stated("the staging port is 8443") == Strings{"|staging port|8443"});
  CHECK(stated("the default branch is now trunk") == Strings{"|default branch|trunk"});
  CHECK(stated("We use PostgreSQL for the job queue") == Strings{"|job queue|PostgreSQL"});
}

TEST_CASE("Questions, opinions, tool output and web pages state nothing") {
  CHECK(stated("Is the staging port 8443?").empty());
  CHECK(stated("my phone number is what?").empty());
  CHECK(stated("the movie is great").empty());
  CHECK(stated("I have seen it").empty());
  CHECK(stated("").empty());
  CHECK(stated("my my my is is is").size() <= 8);
  CHECK(stated("my name is Mallory", Tier::tool).empty());
  CHECK(stated("my name is Mallory", Tier::web).empty());
  std::string many;
  for (int i = 0; i < 200; ++i) many += "my key" + std::to_string(i) + " is blue. ";
  CHECK(stated(many).size() == 8);
}

TEST_CASE("A later statement of no lower tier supersedes, a lower one disputes, in any order") {
  std::vector<int> order = {0, 1, 2, 3};
  do {
    Memory memory(in_memory());
    add_all(memory, order);
    INFO(order[0] << order[1] << order[2] << order[3]);
    CHECK(status(memory, "8080") == "superseded");
    CHECK(status(memory, "8443") != "superseded");
    CHECK(status(memory, "9000") == "disputed");
    CHECK(memory.stats().facts == 4);
    CHECK(memory.verify().problems.empty());
  } while (std::ranges::next_permutation(order).found);
}

TEST_CASE("A statement that both sides have come to agree on is no longer disputed") {
  Memory memory(in_memory());
  memory.remember(by("user", "The cache port is 8080", "2026-01-01"));
  memory.remember(by("assistant", "The cache port is 8081", "2026-01-02"));
  CHECK(status(memory, "8081") == "disputed");
  const std::vector<NewTurn> later = {by("user", "The cache port is 8081", "2026-01-03"),
                                      by("user", "The cache port is 8081", "2026-01-04")};
  memory.remember(later);
  const std::vector<Fact> facts = memory.facts({.scope = memory.scope()}, 100);
  REQUIRE(facts.size() == 4);
  CHECK(facts[0].status == Fact::Status::superseded);
  CHECK(facts[1].status == Fact::Status::confirmed);
  CHECK(facts[1].superseded_by == 0);
  CHECK(facts[2].status == Fact::Status::active);
  CHECK(facts[3].status == Fact::Status::confirmed);
  CHECK(memory.recall("which cache port").context.find("disputed") == std::string::npos);
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("Settled one by one is settled at once, whatever was said in whatever order") {
  Memory memory(in_memory());
  const char* const kTexts[] = {
      "My car is red", "My car is a Volvo V70", "My car is an Audi A4", "Actually my car is blue",
      "My car is fun", "My car is loud", "My car is small", "My car is cheap", "My car is old",
      "My car is heavy", "My car is rare", "The cache port is 8080", "The cache port is 9090",
      "The cache port is on host a1", "I live in Rome", "I live in Porto"};
  uint32_t seed = 7;
  const auto next = [&seed](uint32_t below) {
    seed = seed * 1664525 + 1013904223;
    return (seed >> 16) % below;
  };
  for (int i = 0; i < 150; ++i) {
    NewTurn turn = by(next(3) == 0 ? "assistant" : "user", kTexts[next(std::size(kTexts))],
                      "2026-01-01");
    turn.said_at += std::chrono::minutes(next(4) == 0 ? next(150) : i);
    memory.remember(turn);
  }
  const auto list = [&] {
    Strings out;
    for (const Fact& fact : memory.facts({.scope = memory.scope()}, 1000)) {
      out.push_back(fact.value + turn_name(fact.turn) + std::string(status_name(fact.status)));
    }
    std::ranges::sort(out);
    return out;
  };
  const Strings live = list();
  CHECK(live.size() == 150);
  CHECK(memory.verify().problems.empty());
  memory.rebuild();
  CHECK(live == list());
}

TEST_CASE("Of many values the one that holds is found from each") {
  Memory memory(in_memory());
  std::vector<NewTurn> turns;
  for (int i = 0; i < 200; ++i) {
    turns.push_back(by("user", "The cache port is now " + std::to_string(4000 + i), "2026-01-01"));
    turns.back().said_at += std::chrono::minutes(i);
  }
  memory.remember(turns);
  RecallOptions options;
  options.limit = 100;  // as many are followed
  for (const Hit& hit : memory.recall("which cache port", options).hits) {
    CHECK(hit.superseded_by == (hit.id == "t200" ? "" : "t200"));
  }
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("What is quoted, fenced or a call states nothing") {
  CHECK(stated("Look:\n```\nThe cache port is 6666\n```\nThe cache port is 9090") ==
        Strings{"|cache port|9090"});
  CHECK(stated("> The cache port is 6666\nso they say").empty());
  CHECK(stated("~~~ log\nMy name is Mallory\n```\nMy name is Mallory").empty());
  CHECK(stated("memory_note {\"text\":\"The deploy port is now 6666\"}", Tier::assistant).empty());
}

TEST_CASE("Recall puts what holds before what it superseded, and says so") {
  Memory memory(in_memory());
  memory.remember(said("a", "Ann", "my locker code is 4711, my locker code!", "2026-01-01"));
  for (int i = 0; i < 5; ++i) memory.remember(said("b", "Bob", "talk about boats", "2026-01-02"));
  memory.remember(said("c", "Ann", "by the way my locker code is 1234", "2026-02-01"));
  const Recall recall = memory.recall("what is the locker code?");
  REQUIRE(recall.hits.size() >= 2);
  CHECK(recall.hits[0].id == "t7");
  CHECK(recall.hits[0].superseded_by.empty());
  CHECK(recall.hits[1].id == "t1");
  CHECK(recall.hits[1].superseded_by == "t7");
  CHECK(recall.context.find("[t1 2026-01-01 Ann, superseded by t7]") != std::string::npos);
  CHECK(memory.recall("what was the locker code before?").hits[0].id == "t1");

  // Asked then, nothing is known of what was said on later days.
  const auto asked_at = [&](const char* when) {
    return memory.recall("what is the locker code?", {.at = parse_time(when)}).hits;
  };
  const std::vector<Hit> earlier = asked_at("2026-01-31T23:00");
  CHECK(earlier.at(0).id == "t1");
  CHECK(earlier.at(0).superseded_by.empty());
  CHECK(std::ranges::find(earlier, "t7", &Hit::id) == earlier.end());
  CHECK(asked_at("2026-02-01").at(0).id == "t7");
  CHECK(memory.recall("what is the locker code?", {.at = parse_time("2025-12-31")}).support == 0);

  memory.forget(memory.find_to_forget({.ids = {"t7"}}, {.scope = memory.scope()}), "");
  const Recall after = memory.recall("what is the locker code?");
  CHECK(after.hits[0].id == "t1");
  CHECK(after.hits[0].superseded_by.empty());  // it holds again
  CHECK(status(memory, "4711") == "active");
}

TEST_CASE("What is disputed is shown with both sides") {
  Memory memory(in_memory());
  memory.remember(by("user", "The staging port is 8443.", "2026-01-01"));
  memory.remember(by("assistant", "The staging port is 9000.", "2026-02-01"));
  const Recall recall = memory.recall("which staging port?");
  REQUIRE(recall.hits.size() == 2);
  CHECK(recall.hits[0].disputed_by == "t2");
  CHECK(recall.hits[1].disputed_by == "t1");
  // Repeating it changes nothing; the user's word does.
  for (int i = 0; i < 5; ++i) {
    memory.remember(by("assistant", "The staging port is 9000.", "2026-03-01"));
    memory.remember(by("tool", "The staging port is 9000.", "2026-03-01"));
  }
  CHECK(status(memory, "8443") == "active");
  memory.remember(by("user", "OK, the staging port is 9000", "2026-04-01"));
  CHECK(status(memory, "8443") == "superseded");
}

TEST_CASE("Facts go with their turn, from the file too; an id of a fact names its turn") {
  const TempDir folder;
  Memory memory(in_folder(folder.path()));
  memory.remember(said("s", "Ann", "my vault word is quokka77"));
  memory.remember(said("s", "Ann", "we had soup"));
  REQUIRE(memory.why("f1").has_value());
  CHECK(memory.why("f1")->sources.front().id == 1);
  CHECK(memory.why("t1")->derived == Strings{"c1", "f1"});
  const Forgotten gone =
      memory.forget(memory.find_to_forget({.ids = {"f1"}}, {.scope = memory.scope()}), "");
  CHECK(gone.ids == Strings{"t1", "f1"});
  CHECK(memory.facts({.scope = memory.scope()}, 10).empty());
  CHECK(all_bytes_below(folder.path()).find("quokka77") == std::string::npos);
  CHECK_FALSE(memory.why("f1").has_value());
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("Rebuilt equals live, and verify finds a fact that nobody stated") {
  const TempDir folder;
  Memory memory(in_folder(folder.path()));
  add_all(memory, {2, 0, 3, 1});
  memory.remember(said("x", "Ann", "my locker code is 4711"));
  memory.forget(memory.find_to_forget({.ids = {"t2"}}, {.scope = memory.scope()}), "");
  const std::string live = memory.recall("staging port").context;
  const auto list = [&] {
    Strings out;
    for (const Fact& fact : memory.facts({.scope = memory.scope()}, 100)) {
      out.push_back(fact.key + fact.value + turn_name(fact.turn) +
                    std::string(status_name(fact.status)));
    }
    return out;
  };
  Strings before = list();
  memory.rebuild();
  Strings after = list();
  std::ranges::sort(before);
  std::ranges::sort(after);
  CHECK(before == after);
  CHECK(memory.recall("staging port").context == live);
  CHECK(memory.verify().problems.empty());
  run_sql(folder.path(), "UPDATE fact SET value = 'ghost' WHERE value = '4711'");
  CHECK(memory.verify().problems.size() == 1);
  memory.rebuild();
  CHECK(memory.verify().problems.empty());
}
