#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct fts5_api;
struct sqlite3;
struct sqlite3_stmt;

namespace corvid::memory {

class SqliteDb;

// A prepared statement on loan: reset and given back at the end of its life. See Statement.
class SqliteStatement {
 public:
  SqliteStatement(SqliteDb& db, std::string_view sql);
  ~SqliteStatement();
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  void bind(int index, int64_t value);
  void bind(int index, std::string_view text);
  void bind(int index, std::span<const int8_t> bytes);
  void bind_null(int index);

  bool step();

  int64_t integer(int column) const;
  std::string_view text(int column) const;  // valid until the next step
  std::span<const int8_t> bytes(int column) const;  // valid until the next step
  bool is_null(int column) const;
  bool is_integer(int column) const;
  int column_count() const;
  std::string_view column_name(int column) const;

 private:
  SqliteDb& db_;
  sqlite3_stmt* raw_ = nullptr;
};

// One connection with its statements. Not thread-safe. The only place where SQLite's result codes
// become Error: timeout (locked), corrupt, io.
class SqliteDb {
 public:
  SqliteDb(const std::string& path, bool sync_full);
  ~SqliteDb();
  SqliteDb(const SqliteDb&) = delete;
  SqliteDb& operator=(const SqliteDb&) = delete;

  void execute(const std::string& sql);
  void begin() { execute("BEGIN IMMEDIATE"); }
  void commit() { execute("COMMIT"); }
  void roll_back() noexcept;
  // False when another connection is in the way.
  bool try_execute(const std::string& sql);
  bool try_empty_wal();

  [[noreturn]] void raise(int code, std::string_view doing) const;

 private:
  friend class SqliteStatement;

  std::string path_;
  sqlite3* raw_ = nullptr;
  std::map<std::string, std::vector<sqlite3_stmt*>, std::less<>> idle_;
};

inline constexpr int kBusyTimeoutMs = 10'000;

// The full-text extension of a connection, null where it lacks it.
fts5_api* find_fts5(sqlite3* db);

}  // namespace corvid::memory
