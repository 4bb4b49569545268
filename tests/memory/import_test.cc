#include <catch2/catch.hpp>

#include "memory/memory.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "tests/memory/support.h"

using namespace corvid;
using namespace corvid::memory;
using namespace corvid::memory::testing;

namespace {

std::string line(const std::string& id, const std::string& text) {
  return "{\"session\":\"D1\",\"id\":\"" + id +
         "\",\"speaker\":\"Ann\",\"when\":\"2023-05-08T13:56\",\"text\":\"" + text + "\"}\n";
}

std::string error_of(Memory& memory, const TempDir& folder, const std::string& content) {
  const auto file = folder.path() / "turns.jsonl";
  write_file_atomic(file, content);
  try {
    memory.import_turns(file);
  } catch (const Error& error) {
    CHECK(error.code() == Code::invalid);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("Importing twice stores once, and the given ids come back") {
  const TempDir folder;
  const auto file = folder.path() / "turns.jsonl";
  std::string content;
  for (int i = 0; i < 1200; ++i) {
    content += line("D1:" + std::to_string(i), "parcel number " + std::to_string(i));
  }
  write_file_atomic(file, content + "\n");
  Memory memory(in_memory());
  std::vector<int64_t> steps;
  const ImportReport report = memory.import_turns(file, [&](int64_t done, int64_t total) {
    CHECK(total == 1200);
    steps.push_back(done);
  });
  CHECK(report.line_count == 1200);
  CHECK(report.stored == 1200);
  CHECK(steps == std::vector<int64_t>{500, 1000, 1200});
  const ImportReport again = memory.import_turns(file);
  CHECK(again.stored == 0);
  CHECK(again.duplicates == 1200);
  CHECK(memory.stats().turns == 1200);
  CHECK(memory.recall("parcel 777").hits.front().turns == std::vector<std::string>{"D1:777"});
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("A bad line is named and nothing of the file is stored") {
  const TempDir folder;
  Memory memory(in_memory());
  const std::string good = line("a", "fine");
  const auto says = [&](const std::string& content, const std::string& what) {
    const std::string error = error_of(memory, folder, content);
    INFO(error);
    CHECK(error.find("line 2") != std::string::npos);
    CHECK(error.find(what) != std::string::npos);
    CHECK(memory.stats().turns == 0);
  };
  says(good + line("a", "again"), "twice");
  says(good + "{\"session\":\"s\"\n", "");
  says(good + "[1]\n", "object");
  says(good + "{\"session\":\"s\",\"id\":\"b\",\"speaker\":\"x\",\"text\":\"y\"}\n", "when");
  says(good + "{\"session\":\"s\",\"id\":7,\"speaker\":\"x\",\"text\":\"y\",\"when\":\"2023\"}\n",
       "id");
  says(good + "{\"session\":\"s\",\"id\":\"b\",\"speaker\":\"x\",\"text\":\"y\",\"when\":\"soon\"}",
       "");
  CHECK_THROWS_AS(memory.import_turns(folder.path() / "absent.jsonl"), Error);
}

TEST_CASE("The same id with another text is refused, not overwritten") {
  const TempDir folder;
  Memory memory(in_memory());
  CHECK(error_of(memory, folder, line("a", "the lamp is red")).empty());
  CHECK(error_of(memory, folder, line("a", "the lamp is blue")).find("'a'") != std::string::npos);
  CHECK(memory.turn(1)->text == "the lamp is red");
}
