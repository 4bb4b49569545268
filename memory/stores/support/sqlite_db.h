#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace corvid::memory {

class SqliteDb;

// A prepared statement on loan: reset and given back at the end of its life. Parameters count from
// 1, columns from 0.
class Statement {
 public:
  Statement(SqliteDb& db, std::string_view sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(int index, int64_t value);
  Statement& bind(int index, std::string_view text);
  Statement& bind(int index, std::span<const int8_t> bytes);
  Statement& bind_null(int index);

  bool step();  // true: there is a row
  void run();   // for statements without rows

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
  int64_t number(std::string_view sql);  // first column of the first row, 0 without one
  int64_t last_id() const;
  void roll_back() noexcept;
  // False when another connection is in the way.
  bool try_execute(const std::string& sql);
  bool try_empty_wal();

  [[noreturn]] void raise(int code, std::string_view doing) const;

 private:
  friend class Statement;

  std::string path_;
  sqlite3* raw_ = nullptr;
  std::map<std::string, std::vector<sqlite3_stmt*>, std::less<>> idle_;
};

// BEGIN IMMEDIATE until commit(); rolled back when it ends without.
class Transaction {
 public:
  explicit Transaction(SqliteDb& db);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  SqliteDb& db_;
  bool is_done_ = false;
};

}  // namespace corvid::memory
