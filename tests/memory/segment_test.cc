#include "memory/ingest/segment.h"

#include <catch2/catch.hpp>

#include "memory/memory.h"
#include "runtime/base/files.h"
#include "tests/memory/support.h"

using namespace corvid;
using namespace corvid::memory;
using namespace corvid::memory::testing;

namespace {

// "4:date 2:gap 3:" - how many turns each cell has and why it was closed, oldest first.
std::string shape(const Memory& memory) {
  std::vector<MemCell> cells = memory.cells(1000);
  std::string out;
  for (auto cell = cells.rbegin(); cell != cells.rend(); ++cell) {
    if (!out.empty()) out += ' ';
    out += std::to_string(cell->turns.size()) + ":" + cell->reason;
  }
  return out;
}

std::string about(const std::string& topic, int i) {
  const char* const words[] = {"first", "second", "third", "fourth"};
  return topic + " " + topic + " talk, the " + words[i % 4] + " " + topic + " remark";
}

}  // namespace

TEST_CASE("A chat is cut where the date changes and at long gaps") {
  Memory memory(in_memory());
  for (const char* when : {"2026-03-02T10:00", "2026-03-02T10:05", "2026-03-02T15:00",
                           "2026-03-03T00:10", "2026-03-03T00:20", "2026-03-03T00:55"}) {
    memory.remember(said("s", "Ann", "the parrot and the parrot cage", when));
  }
  CHECK(shape(memory) == "2:gap 1:date 3:");
}

TEST_CASE("A shorter gap cuts only when the words change") {
  Memory memory(in_memory());
  memory.remember(said("s", "Ann", "the parrot sings in its cage", "2026-03-02T10:00"));
  memory.remember(said("s", "Ann", "that parrot escaped its cage", "2026-03-02T10:40"));
  memory.remember(said("s", "Ann", "invoices arrive on Monday", "2026-03-02T11:20"));
  CHECK(shape(memory) == "2:gap 1:");
}

TEST_CASE("A long chat is cut in the valley between two topics") {
  Memory memory(in_memory());
  for (int i = 0; i < 15; ++i) memory.remember(said("s", "Ann", about("sailing", i)));
  for (int i = 0; i < 10; ++i) memory.remember(said("s", "Ann", about("baking", i)));
  CHECK(shape(memory) == "15:topic 10:");
}

TEST_CASE("A chat without a valley is cut at the hard limit") {
  Memory memory(in_memory());
  for (int i = 0; i < 45; ++i) memory.remember(said("s", "Ann", "sailing sailing sailing"));
  CHECK(shape(memory) == "40:limit 5:");
}

TEST_CASE("An agent's cell is one request with its tool calls") {
  Memory memory(in_memory());
  memory.remember(by_role("run", "user", "Make the failing test pass. It is in test_parse.py."));
  memory.remember(by_role("run", "assistant", "I will run the tests first."));
  memory.remember(by_role("run", "tool", "FAILED test_parse.py::test_empty"));
  memory.remember(by_role("run", "assistant", "The parser returned None; I fixed the parser."));
  memory.remember(by_role("run", "user", "Now update the changelog."));
  memory.remember(by_role("run", "assistant", "The changelog is updated."));
  memory.close_session("run");
  CHECK(shape(memory) == "4:request 2:boundary");
  const std::optional<MemCell> cell = memory.cell(1);
  REQUIRE(cell.has_value());
  CHECK(cell->title == "Make the failing test pass.");
  CHECK(cell->episode ==
        "user: Make the failing test pass.\n"
        "user: It is in test_parse.py.\n"
        "assistant: The parser returned None; I fixed the parser.\n"
        "(1 tool results)");
  CHECK(cell->deriver == kCellDeriver);
}

TEST_CASE("An open cell is listed with its title before it is closed") {
  Memory memory(in_memory());
  memory.remember(by_role("run", "user", "Rename the parser."));
  REQUIRE(memory.cells(10).size() == 1);
  CHECK(memory.cells(10).front().is_open);
  CHECK(memory.cells(10).front().title == "Rename the parser.");
}

TEST_CASE("Turn by turn, in batches and after a restart give the same cells") {
  std::vector<NewTurn> turns;
  for (int i = 0; i < 90; ++i) {
    const std::string topic = i / 13 % 2 == 0 ? "sailing" : "baking";
    turns.push_back(said(i % 3 == 0 ? "x" : "y", "Ann", about(topic, i)));
  }
  Memory whole(in_memory());
  whole.remember(turns);
  Memory single(in_memory());
  for (const NewTurn& turn : turns) single.remember(turn);
  const TempDir folder;
  for (const NewTurn& turn : turns) Memory(in_folder(folder.path())).remember(turn);
  const Memory restarted(in_folder(folder.path()));
  CHECK(shape(whole) == shape(single));
  CHECK(shape(whole) == shape(restarted));
  const std::vector<MemCell> a = whole.cells(100);
  const std::vector<MemCell> b = restarted.cells(100);
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    CHECK(a[i].title == b[i].title);
    CHECK(a[i].episode == b[i].episode);
    CHECK(a[i].turns == b[i].turns);
  }
}

TEST_CASE("The streaming rules and the rules over a whole session agree") {
  std::vector<SegmentTurn> turns;
  for (int i = 0; i < 60; ++i) {
    Turn turn;
    turn.id = i + 1;
    turn.said_at = parse_time("2026-03-02T10:00") + std::chrono::minutes(i);
    turn.text = about(i / 17 % 2 == 0 ? "sailing" : "baking", i);
    turns.push_back(segment_turn(turn));
  }
  Memory memory(in_memory());
  for (int i = 0; i < 60; ++i) {
    NewTurn turn = said("s", "Ann", about(i / 17 % 2 == 0 ? "sailing" : "baking", i));
    turn.said_at += std::chrono::minutes(i);
    memory.remember(turn);
  }
  std::string expected;
  for (const Cut& cut : segment(turns, SessionKind::chat)) {
    if (!expected.empty()) expected += ' ';
    expected += std::to_string(cut.keep) + ":" + std::string(cut.reason);
  }
  CHECK(shape(memory) == expected);
}
