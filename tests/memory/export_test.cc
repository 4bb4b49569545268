#include <set>

#include <catch2/catch.hpp>

#include "memory/memory.h"
#include "memory/stores/support/schema.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
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

// An export that says something else, whole and undamaged.
std::string sealed_again(const std::string& bytes) {
  std::string out, hash;
  for (const std::string_view line : split_lines(bytes)) {
    if (line.empty()) continue;
    Json json = parse_json(line, "a line");
    if (json_string_or(json, "type", "") == "end") json["sha256"] = hash;
    const std::string text = dump_json(json);
    hash = sha256_hex(hash + text);
    out += text + "\n";
  }
  return out;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
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

TEST_CASE("Facts of an older export are read anew") {
  const TempDir folder;
  Memory first(in_memory());
  first.remember(said("chat", "Ann", "My phone number is 555-0100", "2026-03-02T10:00"));
  std::string old = replaced(exported(first), "\"value\":\"555-0100\"", "\"value\":\"stale\"");
  old = replaced(old, "\"format\":" + std::to_string(kStoreFormat), "\"format\":5");
  old = replaced(old, "\"said_offset\":0,", "");
  Memory second(in_memory());
  CHECK(second.import_export(file_with(folder, sealed_again(old))).stored == 1);
  CHECK(second.facts({.scope = second.scope()}, 10).at(0).value == "555-0100");
  CHECK(second.verify().problems.empty());
}

TEST_CASE("A secret that an older program let in is taken out of all that was made of it") {
  const TempDir folder;
  Ports ports;
  ports.complete = [](const std::string& prompt, const std::string&) {
    const bool is_cell = prompt.find("<turns>") != std::string::npos;
    return std::string(is_cell ? R"({"title":"Ann's QUOKKA","episode":"Ann has QUOKKA.",
      "facts":[{"turn":1,"about":"speaker","key":"pet","value":"QUOKKA"}],"plans":[],
      "traits":[{"turns":[1],"category":"pets","trait":"has QUOKKA"}]})" : "{}");
  };
  Memory first(in_memory(), ports);
  first.remember(said("s", "Ann", "These days QUOKKA sleeps at Ann's", "2026-03-01"));
  first.remember(said("s", "Ann", "Tea is fine", "2026-03-01"));
  first.close_session("s");
  CHECK(first.consolidate({.scope = first.scope()}, {}).facts == 1);
  first.decide("p1", true);
  first.edit("t2", "Coffee is fine");
  CHECK(first.consolidate({.scope = first.scope()}, {}).cells == 1);
  const std::string secret = "ghp_" + std::string("R8n2kVq7wX4mT9bLzP3cJ6hYdF5sAeUo1GiK");
  Memory second(in_memory());
  const auto file = file_with(folder, sealed_again(replaced(exported(first), "QUOKKA", secret)));
  CHECK(second.import_export(file).redactions == 1);
  CHECK(exported(second).find(secret) == std::string::npos);
  CHECK(second.cells(1).at(0).episode.find("Tea") == std::string::npos);
  CHECK(second.verify().problems.empty());
}

TEST_CASE("What is masked or cut when it is imported is known when it comes again") {
  const TempDir folder;
  const std::string secret = "ghp_" + std::string("R8n2kVq7wX4mT9bLzP3cJ6hYdF5sAeUo1GiK");
  Memory first(in_memory());
  first.remember(said("s", "Ann", "These days QUOKKA sleeps at Ann's", "2026-03-01"));
  first.remember(said("s", "Ann", std::string(100'000, 'x') + " is long", "2026-03-02"));
  first.edit("t1", "QUOKKA is gone");
  const auto file = file_with(folder, sealed_again(replaced(exported(first), "QUOKKA", secret)));
  Memory second(in_memory());
  second.remember(said("t", "Bo", "It rains", "2026-03-01"));
  CHECK(second.import_export(file).stored == 3);
  CHECK(second.import_export(file).stored == 0);
  CHECK(exported(second).find(secret) == std::string::npos);
  CHECK(second.verify().problems.empty());
}

TEST_CASE("What was forgotten comes back in no correction") {
  const TempDir folder;
  MemoryConfig config = in_folder(folder.path());
  config.scope.project = "/two";
  const std::string text = "The code name of the new telescope is Zanzibar";
  std::string bytes;
  {
    const TempDir other;
    MemoryConfig there = in_folder(other.path());
    there.scope.project = "/two";
    Memory first(there);
    first.remember(said("s", "Ann", "The telescope has no name", "2026-03-01", "1"));
    first.edit("t1", text);
    bytes = exported(first);
  }
  MemoryConfig elsewhere = in_folder(folder.path());
  elsewhere.scope.project = "/one";
  Memory one(elsewhere);
  one.remember(said("s", "Ann", text, "2026-03-01"));
  one.forget(one.find_to_forget({.ids = {"t1"}}, {one.scope(), true}), "");
  Memory two(config);
  CHECK(two.import_export(file_with(folder, bytes)).refused == 1);
  CHECK(exported(two).find("Zanzibar") == std::string::npos);
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
