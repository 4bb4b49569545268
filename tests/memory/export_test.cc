#include <set>

#include <catch2/catch.hpp>

#include "memory/memory.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "tests/memory/support.h"

using namespace corvid;
using namespace corvid::memory;
using namespace corvid::memory::testing;

namespace {

std::string exported(const Memory& memory) {
  std::string out;
  memory.export_lines([&](std::string_view line) { out.append(line).append("\n"); });
  return out;
}

std::filesystem::path file_with(const TempDir& folder, const std::string& content) {
  const auto file = folder.path() / "export.jsonl";
  write_file_atomic(file, content);
  return file;
}

// A store with a bit of everything.
void fill(Memory& memory) {
  memory.remember(said("chat", "Ann", "My phone number is 555-0100", "2026-03-02T10:00", "a"));
  memory.remember(said("chat", "Ann", "The secret project is called Zanzibar", "2026-03-02T10:01"));
  memory.remember(said("chat", "Ann", "My phone number is 555-0199", "2026-03-09T10:00"));
  memory.remember(said("chat", "Bo", "I'm going to ship the parcel tomorrow", "2026-03-09T10:02"));
  memory.remember(by_role("run", "user", "make the test pass \"\\ \u00e4 \n end"));
  memory.close_session("run");
  memory.forget(memory.find_to_forget({.ids = {"t2"}}, {.scope = memory.scope()}), "asked");
  memory.edit("t4", "I'm going to ship the parcel on Friday");
}

Code code_of(Memory& memory, const std::filesystem::path& file) {
  try {
    memory.import_export(file);
  } catch (const Error& error) {
    return error.code();
  }
  return Code::device;
}

}  // namespace

TEST_CASE("Export, import into an empty store, export: the same bytes and answers") {
  const TempDir folder;
  Memory first(in_memory());
  fill(first);
  const std::string bytes = exported(first);
  Memory second(in_memory());
  const ImportReport report = second.import_export(file_with(folder, bytes));
  CHECK(report.stored == first.stats().turns);
  CHECK(exported(second) == bytes);
  CHECK(second.verify().problems.empty());
  CHECK(second.recall("phone number").context == first.recall("phone number").context);
  CHECK(second.recall("ship the parcel").context == first.recall("ship the parcel").context);
  CHECK(second.cells(10).size() == first.cells(10).size());
  CHECK(second.foresights({.scope = second.scope()}, parse_time("2026-03-10")).size() == 1);
  // Ids of what was forgotten are not given again, and what was forgotten does not come back.
  CHECK(second.remember(said("chat", "Ann", "a new one")).id ==
        first.remember(said("chat", "Ann", "a new one")).id);
  CHECK(second.remember(said("x", "Ann", "The secret project is called Zanzibar")).outcome ==
        Written::forgotten);
}

TEST_CASE("An export never holds what was forgotten") {
  Memory memory(in_memory());
  fill(memory);
  CHECK(exported(memory).find("Zanzibar") == std::string::npos);
  std::string markdown;
  memory.export_markdown({.scope = memory.scope()}, [&](std::string_view text) {
    markdown += text;
  });
  CHECK(markdown.find("Zanzibar") == std::string::npos);
  CHECK(markdown.find("* ann: phone number = 555-0199 (2026-03-09, t3)") != std::string::npos);
  CHECK(markdown.find("superseded") != std::string::npos);
  CHECK(markdown.find("on Friday") != std::string::npos);
  CHECK(markdown.find("tomorrow") == std::string::npos);  // an old version
}

TEST_CASE("Importing into a store that has its own adds what it lacks, once") {
  const TempDir folder;
  Memory first(in_memory());
  fill(first);
  const auto file = file_with(folder, exported(first));
  Memory second(in_memory());
  second.remember(said("other", "Cy", "the lamp is red"));
  second.remember(said("chat", "Ann", "My phone number is 555-0100", "2026-03-02T10:00", "a"));
  const ImportReport report = second.import_export(file);
  CHECK(report.duplicates == 1);
  CHECK(report.stored == 4);
  CHECK(second.import_export(file).stored == 0);
  CHECK(first.import_export(file).stored == 0);
  CHECK(second.verify().problems.empty());
}

TEST_CASE("Importing into a store that has its own carries corrections and what was promoted") {
  const TempDir folder;
  Memory first(in_memory());
  first.remember(said("chat", "Ann", "My phone number is 555-0100", "2026-03-02T10:00", "a"));
  first.remember(said("chat", "Ann", "My car is parked at gate 4", "2026-03-02T10:01", "b"));
  first.remember(said("chat", "Ann", "My locker is number 12", "2026-03-02T10:02"));
  first.edit("t1", "My phone number is 555-0177");
  first.edit("t4", "My phone number is 555-0199");
  first.edit("t3", "My locker is number 13");
  const std::vector<std::string> car = {"t2"};
  first.promote(car, false);
  const auto file = file_with(folder, exported(first));
  MemoryConfig config = in_memory();
  Memory second(config);
  second.remember(said("chat", "Ann", "My phone number is 555-0100", "2026-03-02T10:00", "a"));
  second.remember(said("chat", "Ann", "My locker is number 12", "2026-03-02T10:02"));
  second.edit("t2", "My locker is number 14");  // what was corrected here stays
  const ImportReport report = second.import_export(file);
  CHECK(report.stored == 3);  // the car and two versions of the number
  CHECK(second.verify().problems.empty());
  const auto values = [&](const Memory& memory) {
    std::multiset<std::string> out;
    for (const Fact& fact : memory.facts({.scope = memory.scope()}, 100)) {
      if (fact.status == Fact::Status::active) out.insert(fact.key + " " + fact.value);
    }
    return out;
  };
  CHECK(values(second).count("phone number 555-0199") == 1);
  CHECK(values(second).count("phone number 555-0100") == 0);
  for (const Hit& hit : second.recall("phone number").hits) {
    CHECK(hit.text.find("555-0100") == std::string::npos);
    CHECK(hit.text.find("555-0177") == std::string::npos);
  }
  CHECK(second.recall("locker").hits.front().text == "My locker is number 14");
  CHECK(second.import_export(file).stored == 0);
  CHECK(second.cells(10).size() == 1);
  if (config.location != ":memory:") {  // a second project of the same store
    config.scope.project = "/elsewhere";
    CHECK(Memory(config).recall("car").hits.at(0).text == "My car is parked at gate 4");
  }
}

TEST_CASE("An import that fails in the middle leaves nothing") {
  const TempDir folder;
  Memory first(in_memory());
  for (int i = 0; i < 700; ++i) {
    first.remember(said("chat", "Ann", "line " + std::to_string(i), "2026-03-02T10:00",
                        "id" + std::to_string(i)));
  }
  const auto file = file_with(folder, exported(first));
  Memory second(in_memory());
  second.remember(said("chat", "Ann", "another line", "2026-03-02T10:00", "other"));
  Json bad = {{"session", "chat"}, {"speaker", "Ann"}, {"when", "2026-03-02T10:00"}};
  std::string lines;
  for (int i = 0; i < 600; ++i) {
    bad["id"] = i == 599 ? "other" : "n" + std::to_string(i);
    bad["text"] = "text " + std::to_string(i);
    lines += dump_json(bad) + "\n";
  }
  const auto turns = folder.path() / "turns.jsonl";
  write_file_atomic(turns, lines);
  CHECK_THROWS_AS(second.import_turns(turns), Error);
  CHECK(second.stats().turns == 1);
  CHECK(second.import_export(file).stored == 700);
}

TEST_CASE("A damaged, cut or newer export is refused, and the store stays as it was") {
  const TempDir folder;
  Memory first(in_memory());
  fill(first);
  const std::string bytes = exported(first);
  Memory second(in_memory());
  const auto refuses = [&](const std::string& content, Code code) {
    CHECK(code_of(second, file_with(folder, content)) == code);
    CHECK(second.stats().turns == 0);
    CHECK(second.stats().sessions == 0);
  };
  std::string changed = bytes;
  changed.replace(changed.find("555-0199"), 8, "555-6666");
  refuses(changed, Code::invalid);
  refuses(bytes.substr(0, bytes.size() / 2), Code::invalid);
  refuses(bytes.substr(0, bytes.rfind('\n', bytes.size() - 2) + 1), Code::invalid);
  refuses(bytes + "{}\n", Code::invalid);
  refuses("{\"type\":\"corvid-memory\",\"format\":99}\n", Code::unsupported);
  refuses("", Code::invalid);
  CHECK(second.import_export(file_with(folder, bytes)).stored == first.stats().turns);
}
