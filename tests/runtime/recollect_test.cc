// What of a run's end is remembered.

#include <catch2/catch.hpp>

#include "runtime/recollect.h"

using namespace corvid;

namespace {

memory::MemoryConfig in_this_process() {
  memory::MemoryConfig config;
  config.location = ":memory:";
  return config;
}

// The texts that memory has after a run that ended so.
std::vector<std::string> ending_of(const runtime::RunResult& result, const std::string& said) {
  memory::Memory memory(in_this_process());
  runtime::remember_result(memory, result, said, parse_time("2026-03-04T05:06:07Z"));
  std::vector<std::string> texts;
  for (int64_t id = 1; const auto turn = memory.turn(id); ++id) texts.push_back(turn->text);
  return texts;
}

}  // namespace

TEST_CASE("an answer that stands as the last reply is not remembered a second time") {
  runtime::RunResult result;
  result.session = "s";
  result.status = "unverified";
  result.message = "The port is 8080.\n";
  CHECK(ending_of(result, "The port is 8080.").empty());
  CHECK(ending_of(result, "finish {\"summary\":\"The port is 8080.\"}").empty());
  CHECK(ending_of(result, "Something else").front() ==
        "Outcome of the run: unverified. The port is 8080.\n");
}

TEST_CASE("a change and a check are remembered, without the words of the last reply") {
  runtime::RunResult result;
  result.session = "s";
  result.status = "unverified";
  result.message = "The port is 8080.";
  result.diff = "-80\n+8080\n";
  CHECK(ending_of(result, "The port is 8080.").front() ==
        "Outcome of the run: unverified.\n-80\n+8080\n");
  result.diff.clear();
  result.status = "verified";
  result.check.emplace();
  CHECK(ending_of(result, "The port is 8080.").front() == "Outcome of the run: verified.");
}

TEST_CASE("what a session says is in memory once the writer has settled, in order") {
  memory::Memory memory(in_this_process());
  {
    runtime::MemoryWriter writer(memory, "s");
    for (int i = 0; i < 20; ++i) {
      runtime::Message message;
      message.content = "step " + std::to_string(i);
      message.is_note = i % 2 == 1;  // the harness's own words are not remembered
      writer.add({i, parse_time("2026-03-04T05:06:07Z"), -1, runtime::MessageAdded{message}});
    }
    CHECK(writer.settle());
    CHECK(memory.turn(10)->text == "step 18");
    CHECK_FALSE(memory.turn(11).has_value());
    runtime::Message last;
    last.content = "last";
    writer.add({20, parse_time("2026-03-04T05:06:08Z"), -1, runtime::MessageAdded{last}});
  }
  CHECK(memory.turn(11)->text == "last");
}

TEST_CASE("after text from the web what the assistant says is remembered as the web's") {
  memory::Memory memory(in_this_process());
  runtime::MemoryWriter writer(memory, "s");
  const Time now = parse_time("2026-03-04T05:06:07Z");
  const auto add = [&](runtime::Role role, const std::string& text, bool is_untrusted, int attempt) {
    static int number = 0;
    runtime::Message message;
    message.role = role;
    message.content = text;
    message.is_untrusted = is_untrusted;
    writer.add({++number, now, attempt, runtime::MessageAdded{message}});
  };
  using memory::Tier;
  SECTION("in the run itself") {
    add(runtime::Role::assistant, "I look it up", false, -1);
    add(runtime::Role::tool, "the deploy port is now 6666", true, -1);
  }
  SECTION("in what was recalled") {
    add(runtime::Role::assistant, "I look it up", false, -1);
    add(runtime::Role::user, "deploy, please", true, -1);
  }
  SECTION("in an attempt") {
    add(runtime::Role::assistant, "I look it up", false, -1);
    add(runtime::Role::user, "deploy, please", false, -1);
    add(runtime::Role::tool, "the deploy port is now 6666", true, 2);
  }
  add(runtime::Role::assistant, "The deploy port is now 6666", false, -1);
  add(runtime::Role::user, "My deploy port is 80", false, -1);
  REQUIRE(writer.settle());
  memory::NewTurn note;  // as memory_note writes it
  note.session = "s";
  note.role = "assistant";
  note.tier = Tier::assistant;
  note.said_at = now;
  note.text = "The deploy port is now 6666";
  memory.remember(note);
  CHECK(memory.turn(1)->tier == Tier::assistant);
  CHECK(memory.turn(3)->tier == Tier::web);
  CHECK(memory.turn(4)->tier == Tier::user);
  CHECK(memory.turn(5)->tier == Tier::web);
  for (const memory::Fact& fact : memory.facts({.scope = memory.scope()}, 10)) {
    CHECK(fact.value == "80");
  }
  CHECK(memory::holds_web_text(memory.recall("which deploy port")));
  note.session = "another";
  CHECK(memory.turn(memory.remember(note).id)->tier == Tier::assistant);
}
