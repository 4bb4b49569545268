#include <catch2/catch.hpp>

#include "memory/memory.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "tests/memory/support.h"

using namespace corvid;
using namespace corvid::memory;
using namespace corvid::memory::testing;

namespace {

constexpr const char* kFact = "The vault code of the observatory is quokka-7731-periwinkle";

void tell(Memory& memory, int before_count) {
  for (int i = 0; i < before_count; ++i) {
    memory.remember(said("s", "Ann", "harmless talk about telescopes number " + std::to_string(i)));
  }
  memory.remember(said("s", "Ann", kFact, "2026-03-02T10:05", "D1:9"));
  for (int i = 0; i < 3; ++i) {
    memory.remember(said("s", "Bob", "more talk about lenses number " + std::to_string(i)));
  }
  memory.close_session("s");
}

bool holds(const std::string& bytes, const std::string& word) {
  return bytes.find(word) != std::string::npos;
}

}  // namespace

TEST_CASE("Forgotten text is in no byte of the store's files and in no answer") {
  const int before_count = GENERATE(0, 3, 60);
  const TempDir folder;
  Memory memory(in_folder(folder.path()));
  tell(memory, before_count);
  CHECK(holds(all_bytes_below(folder.path()), "quokka"));  // the search below can find it

  const ForgetPreview preview =
      memory.find_to_forget({.text = "QUOKKA-7731"}, {.scope = memory.scope()});
  REQUIRE(preview.turns.size() == 1);
  CHECK(preview.turns.front().text == kFact);
  CHECK(preview.cells.size() == 1);
  const Forgotten forgotten = memory.forget(preview, "asked");
  CHECK(forgotten.turn_count == 1);
  CHECK(forgotten.texts == std::vector<std::string>{kFact});
  CHECK(forgotten.sessions == std::vector<std::string>{"s"});
  CHECK(forgotten.file_is_clean);

  const std::string bytes = all_bytes_below(folder.path());
  for (const char* word : {"quokka", "a-7731", "periwinkl", "observatori", "vault"}) {
    INFO(word);
    CHECK_FALSE(holds(bytes, word));
  }
  for (const char* question :
       {"quokka periwinkle", "vault code of the observatory", "telescopes"}) {
    const Recall recall = memory.recall(question, {.limit = 1000});
    CHECK_FALSE(holds(recall.context, "quokka"));
    for (const std::string& text : texts(recall)) CHECK_FALSE(holds(text, "quokka"));
  }
  for (const MemCell& cell : memory.cells(100)) {
    CHECK_FALSE(holds(cell.title + cell.episode, "quokka"));
  }
  CHECK(memory.recall("quokka").support == 0);
  CHECK(memory.recall("lenses number 2").hits.front().text == "more talk about lenses number 2");
  CHECK(memory.verify().problems.empty());
  const std::optional<Why> why = memory.why(forgotten.ids.front());
  REQUIRE(why.has_value());
  CHECK(why->sources.empty());
  CHECK(why->history.back().op == "forget");
}

TEST_CASE("What was forgotten is not taken back, unless that is said") {
  const TempDir folder;
  const auto file = folder.path() / "turns.jsonl";
  write_file_atomic(file, std::string("{\"session\":\"s\",\"id\":\"D1:9\",\"speaker\":\"Ann\","
                                      "\"when\":\"2026-03-02T10:05\",\"text\":\"") +
                              kFact + "\"}\n");
  Memory memory(in_folder(folder.path()));
  memory.import_turns(file);
  memory.forget(memory.find_to_forget({.ids = {"t1"}}, {.scope = memory.scope()}), "");
  const ImportReport again = memory.import_turns(file);
  CHECK(again.refused == 1);
  CHECK(again.stored == 0);
  // The same words elsewhere, in other letters; and the same place with another text.
  CHECK(memory.remember(said("x", "Bob", std::string("  ") + kFact + " ")).outcome ==
        Written::forgotten);
  CHECK(memory.remember(said("s", "Ann", "changed a little", "2026-03-02", "D1:9")).outcome ==
        Written::forgotten);
  CHECK(memory.remember(said("s", "Ann", "something else")).outcome == Written::stored);
  NewTurn wanted = said("s", "Ann", kFact);
  wanted.allow_forgotten = true;
  CHECK(memory.remember(wanted).outcome == Written::stored);
}

TEST_CASE("A short text that was forgotten may be said again") {
  Memory memory(in_memory());
  memory.remember(said("s", "Ann", "Thanks!"));
  memory.forget(memory.find_to_forget({.ids = {"t1"}}, {.scope = memory.scope()}), "");
  CHECK(memory.remember(said("other", "Ann", "Thanks!", "2026-04-01")).outcome ==
        Written::stored);
}

TEST_CASE("A cell keeps what its other turns say, and goes with its last turn") {
  Memory memory(in_memory());
  memory.remember(said("s", "Ann", "The secret ingredient of the soup is marjoram."));
  memory.remember(said("s", "Bob", "The soup tastes very good, the soup is warm."));
  memory.close_session("s");
  memory.forget(memory.find_to_forget({.ids = {"t1"}}, {.scope = memory.scope()}), "");
  REQUIRE(memory.cell(1).has_value());
  CHECK(memory.cell(1)->turns == std::vector<TurnId>{2});
  CHECK_FALSE(holds(memory.cell(1)->episode, "marjoram"));
  const Forgotten last =
      memory.forget(memory.find_to_forget({.ids = {"c1"}}, {.scope = memory.scope()}), "");
  CHECK(last.ids == std::vector<std::string>{"t2", "c1"});
  CHECK_FALSE(memory.cell(1).has_value());
  CHECK(memory.stats().sessions == 0);
}

TEST_CASE("An open segment goes on after one of its turns was forgotten") {
  Memory memory(in_memory());
  memory.remember(said("s", "Ann", "alpha is the first word"));
  memory.remember(said("s", "Ann", "beta is the second word"));
  memory.forget(memory.find_to_forget({.ids = {"t2"}}, {.scope = memory.scope()}), "");
  memory.remember(said("s", "Ann", "gamma is the third word"));
  REQUIRE(memory.cells(10).size() == 1);
  CHECK(memory.cells(10).front().turns == std::vector<TurnId>{1, 3});
  memory.forget(memory.find_to_forget({.session = "s"}, {.scope = memory.scope()}), "");
  CHECK(memory.cells(10).empty());
  CHECK(memory.remember(said("s", "Ann", "delta is the fourth word")).id == 4);
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("Forgetting stays inside its scope and asks for something") {
  const TempDir folder;
  MemoryConfig config = in_folder(folder.path());
  Memory memory(config);
  config.scope.project = "other";
  Memory other(config);
  memory.remember(said("s", "Ann", "the fox sleeps"));
  other.remember(said("s", "Ann", "the fox wakes"));
  CHECK(memory.find_to_forget({.text = "fox"}, {.scope = memory.scope()}).turns.size() == 1);
  CHECK(memory.find_to_forget({.ids = {"t2"}}, {.scope = memory.scope()}).turns.empty());
  CHECK_THROWS_AS(memory.find_to_forget({}, {.scope = memory.scope()}), Error);
  CHECK_THROWS_AS(memory.find_to_forget({.text = "  "}, {.scope = memory.scope()}), Error);
  CHECK_THROWS_AS(memory.find_to_forget({.ids = {"fox"}}, {.scope = memory.scope()}), Error);
  // No turn holds the words in this order: those that hold all of them.
  CHECK(memory.find_to_forget({.text = "sleeping foxes"}, {.scope = memory.scope()})
            .turns.size() == 1);
}
