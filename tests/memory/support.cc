#include "tests/memory/support.h"

#include <cstdlib>
#include <deque>
#include <fstream>
#include <iterator>
#include <map>

#include <catch2/catch.hpp>
#include <sqlite3.h>

#include "memory/store.h"
#include "tests/support/postgres_server.h"

namespace corvid::memory::testing {
namespace {

constexpr size_t kStoresKept = 24;  // of those in a process; a test does not have as many at once

// Databases of the private server, one for each store.
class Databases {
 public:
  explicit Databases(test::PostgresServer& server) : server_(server) {
    server_.make_database("empty");
    make_store(server_.url("empty"), Durability::normal, "nobody");
  }

  std::string add() {
    const std::string name = "m" + std::to_string(count_++);
    server_.make_database(name, "empty");
    return name;
  }
  // A few at a time: each takes eight megabytes.
  std::string add_passing() {
    passing_.push_back(add());
    if (passing_.size() > kStoresKept) {
      server_.sql("postgres", "DROP DATABASE " + passing_.front() + " WITH (FORCE)");
      passing_.pop_front();
    }
    return passing_.back();
  }
  std::string of(const std::filesystem::path& folder) {
    std::string& name = of_folder_[folder.string()];
    if (name.empty()) name = add();
    return name;
  }
  test::PostgresServer& server() { return server_; }

 private:
  test::PostgresServer& server_;
  int count_ = 0;
  std::deque<std::string> passing_;
  std::map<std::string, std::string> of_folder_;
};

// Null: SQLite's files are meant.
Databases* databases() {
  static const std::unique_ptr<Databases> only = []() -> std::unique_ptr<Databases> {
    const char* kind = std::getenv("CORVID_TEST_STORE");
    if (kind == nullptr || std::string_view(kind) != "postgres") return nullptr;
    test::PostgresServer* server = test::PostgresServer::get();
    if (server != nullptr) return std::make_unique<Databases>(*server);
    WARN("SKIP: " << test::PostgresServer::missing() << "; SQLite's store is tested instead");
    return nullptr;
  }();
  return only.get();
}

}  // namespace

MemoryConfig in_memory() {
  MemoryConfig config;
  config.location = ":memory:";
  if (databases() == nullptr) return config;
  config.location = databases()->server().url(databases()->add_passing());
  config.durability = Durability::normal;
  return config;
}

MemoryConfig in_folder(const std::filesystem::path& folder) {
  MemoryConfig config;
  config.location = databases() == nullptr ? (folder / "store").string()
                                           : databases()->server().url(databases()->of(folder));
  config.durability = Durability::normal;
  return config;
}

std::string all_bytes_below(const std::filesystem::path& folder) {
  std::string bytes;
  if (databases() != nullptr) bytes = databases()->server().bytes_of(databases()->of(folder));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    bytes.append(std::istreambuf_iterator<char>(file), {});
  }
  return bytes;
}

void run_sql(const std::filesystem::path& folder, const std::string& sql) {
  if (databases() != nullptr) {
    databases()->server().sql(databases()->of(folder), sql);
    return;
  }
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open((folder / "store" / "memory.db").c_str(), &db) == SQLITE_OK);
  REQUIRE(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
}

}  // namespace corvid::memory::testing
