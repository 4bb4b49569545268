#include <catch2/catch.hpp>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "memory/memory.h"
#include "memory/stores/support/schema.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "tests/memory/support.h"

using namespace corvid;
using namespace corvid::memory;
using namespace corvid::memory::testing;

namespace {

// Writes turns until it is killed; tells each number that was acknowledged.
[[noreturn]] void write_for_ever(const MemoryConfig& config, int pipe_end, int start) {
  Memory memory(config);
  for (int i = start;; ++i) {
    memory.remember(said("s", "Ann", "acknowledged number " + std::to_string(i)));
    if (write(pipe_end, &i, sizeof i) != sizeof i) _exit(1);
  }
}

int last_acknowledged(int pipe_end) {
  int number = -1;
  int last = -1;
  while (read(pipe_end, &number, sizeof number) == sizeof number) last = number;
  return last;
}

Code code_of_opening(const std::filesystem::path& folder) {
  try {
    const Memory memory(in_folder(folder));
  } catch (const Error& error) {
    return error.code();
  }
  return Code::device;  // none of those asked for
}

}  // namespace

TEST_CASE("kill -9 at 200 points loses no acknowledged turn and leaves no half one") {
  const TempDir folder;
  const MemoryConfig config = in_folder(folder.path());
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  int written = 0;
  for (int round = 0; round < 200; ++round) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) write_for_ever(config, ends[1], written);
    close(ends[1]);
    int first = 0;
    REQUIRE(read(ends[0], &first, sizeof first) == sizeof first);
    usleep(std::uniform_int_distribution<useconds_t>(0, 15'000)(random));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    const int last = std::max(first, last_acknowledged(ends[0]));
    close(ends[0]);
    const Memory memory(config);
    REQUIRE(memory.stats().turns >= last + 1);
    // One may be there that was not acknowledged any more.
    REQUIRE(memory.stats().turns <= last + 2);
    REQUIRE(memory.verify().problems.empty());
    for (const int number : {0, last / 2, last}) {
      const std::string text = "acknowledged number " + std::to_string(number);
      REQUIRE(memory.turn(number + 1)->text == text);
    }
    written = static_cast<int>(memory.stats().turns);
  }
}

TEST_CASE("8 writers and 8 readers share one store for a minute, also from two objects") {
  const TempDir folder;
  Memory first(in_folder(folder.path()));
  Memory second(in_folder(folder.path()));
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  std::atomic<int> failures = 0;
  std::atomic<int> written = 0;
  std::atomic<bool> is_done = false;
  const auto guarded = [&](auto&& body) {
    try {
      body();
    } catch (const std::exception&) {
      ++failures;
    }
  };
  std::vector<std::thread> writers;
  for (int w = 0; w < 8; ++w) {
    writers.emplace_back([&, w] {
      Memory& memory = w % 2 == 0 ? first : second;
      guarded([&] {
        for (int i = 0; std::chrono::steady_clock::now() < end; ++i) {
          const std::string name = "w" + std::to_string(w) + "n" + std::to_string(i);
          memory.remember(said("shared", "Ann", "parcel " + name));
          ++written;
          if (memory.recall(name, {.limit = 1}).hits.empty()) ++failures;
        }
      });
    });
  }
  std::vector<std::thread> readers;
  for (int r = 0; r < 8; ++r) {
    readers.emplace_back([&, r] {
      guarded([&] {
        while (!is_done) {
          (r % 2 == 0 ? first : second).recall("parcel w1n5");
          first.cells(5);
        }
      });
    });
  }
  for (std::thread& thread : writers) thread.join();
  is_done = true;
  for (std::thread& thread : readers) thread.join();
  CHECK(failures == 0);
  CHECK(first.stats().turns == written);
  CHECK(first.verify().problems.empty());
  int64_t in_cells = 0;
  for (const MemCell& cell : first.cells(100'000)) {
    in_cells += static_cast<int64_t>(cell.turns.size());
  }
  CHECK(in_cells == written);
}

TEST_CASE("A store of a newer format is refused and left as it was", "[sqlite]") {
  const TempDir folder;
  { Memory(in_folder(folder.path())).remember(said("s", "Ann", "hello there")); }
  run_sql(folder.path(), "PRAGMA user_version = 99");
  CHECK(code_of_opening(folder.path()) == Code::unsupported);
  run_sql(folder.path(), "PRAGMA user_version = " + std::to_string(kStoreFormat));
  CHECK(Memory(in_folder(folder.path())).stats().turns == 1);
}

TEST_CASE("A damaged or foreign file gives one clear error", "[sqlite]") {
  const TempDir folder;
  std::filesystem::create_directories(folder.path() / "store");
  write_file_atomic(folder.path() / "store" / "memory.db", std::string(8192, 'x'));
  CHECK(code_of_opening(folder.path()) == Code::corrupt);
  std::filesystem::remove(folder.path() / "store" / "memory.db");
  run_sql(folder.path(), "CREATE TABLE foreign_table(x)");
  CHECK(code_of_opening(folder.path()) == Code::corrupt);
  write_file_atomic(folder.path() / "file", "not a folder");
  MemoryConfig config;
  config.location = (folder.path() / "file").string();
  CHECK_THROWS_AS(Memory(config), Error);
}

TEST_CASE("verify finds an index that lies and a chain that was changed", "[sqlite]") {
  const TempDir folder;
  {
    Memory memory(in_folder(folder.path()));
    memory.remember(said("s", "Ann", "the fox sleeps"));
    memory.remember(said("s", "Ann", "the owl wakes"));
    CHECK(memory.verify().problems.empty());
  }
  run_sql(folder.path(), "INSERT INTO fts_turn(rowid, own) VALUES(77, 'ghost')");
  CHECK(Memory(in_folder(folder.path())).verify().problems.size() == 1);
  run_sql(folder.path(),
          "INSERT INTO fts_turn(fts_turn, rowid, own) VALUES('delete', 77, 'ghost')");
  run_sql(folder.path(), "UPDATE event SET actor = 'nobody' WHERE id = 1");
  const std::vector<std::string> problems = Memory(in_folder(folder.path())).verify().problems;
  REQUIRE_FALSE(problems.empty());
  CHECK(problems.front().find("events") != std::string::npos);
}

TEST_CASE("A failed write leaves nothing behind") {
  Memory memory(in_memory());
  memory.remember(said("s", "Ann", "one", "2026-03-02", "a"));
  const std::vector<NewTurn> turns = {said("s", "Ann", "two", "2026-03-02", "b"),
                                      said("s", "Ann", "not one", "2026-03-02", "a")};
  CHECK_THROWS_AS(memory.remember(turns), Error);
  CHECK(memory.stats().turns == 1);
  CHECK(memory.recall("two").hits.empty());
  CHECK(memory.remember(said("s", "Ann", "two", "2026-03-02", "b")).outcome == Written::stored);
  CHECK(memory.cells(10).front().turns.size() == 2);
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("What a full disk or a reader leaves behind does not close the store", "[sqlite]") {
  const TempDir folder;
  const auto open = [&] { return std::make_unique<Memory>(in_folder(folder.path())); };
  {
    const auto memory = open();
    for (int i = 0; i < 40; ++i) {
      memory->remember(said("s", "Ann", (i == 0 ? "secret-jay " : "heron ") + std::string(50'000, 'a' + i % 26)));
    }
    memory->remember(said("s", "Ann", "the kingfisher"));
  }
  const auto forgets = [&](Memory& memory) {
    const ScopeFilter all{.scope = memory.scope()};
    return memory.forget(memory.find_to_forget({.ids = {"t1"}}, all), "").file_is_clean;
  };
  SECTION("no room") {
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    const auto handler = ::signal(SIGXFSZ, SIG_IGN);
    const auto memory = open();
    rlimit little = before;
    little.rlim_cur = 1 << 20;
    REQUIRE(setrlimit(RLIMIT_FSIZE, &little) == 0);
    CHECK_FALSE(forgets(*memory));
    CHECK(open()->turn(41).has_value());
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    ::signal(SIGXFSZ, handler);
  }
  SECTION("somebody reads") {
    sqlite3* reader = nullptr;
    const std::string file = (folder.path() / "store" / "memory.db").string();
    REQUIRE(sqlite3_open(file.c_str(), &reader) == SQLITE_OK);
    sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM turn", nullptr, nullptr, nullptr);
    CHECK_FALSE(forgets(*open()));
    const auto from = std::chrono::steady_clock::now();
    CHECK(open()->turn(41).has_value());
    CHECK(std::chrono::steady_clock::now() - from < std::chrono::seconds(8));
    sqlite3_close(reader);
  }
  CHECK_FALSE(open()->turn(1).has_value());
  CHECK(all_bytes_below(folder.path()).find("secret-jay") == std::string::npos);
}
