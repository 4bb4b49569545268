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
