#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "memory/stores/support/postgres_db.h"
#include "memory/stores/support/sqlite_db.h"

namespace corvid::memory {

// The connection under a store, of whichever database, for SQL that both understand. Parameters are
// written ? or ?1; where the two differ, among() and replace() give the words. Not thread-safe.
class SqlDb {
 public:
  explicit SqlDb(std::unique_ptr<SqliteDb> db) : db_(std::move(db)) {}
  explicit SqlDb(std::unique_ptr<PostgresDb> db) : db_(std::move(db)) {}

  void execute(const std::string& sql);  // one statement or several, without parameters
  int64_t number(std::string_view sql);  // first column of the first row, 0 without one
  void begin();                          // of a transaction that writes; waits for its turn
  void commit();
  void roll_back() noexcept;

  // "COLUMN is one of the ids bound as ?N with bind_ids".
  std::string among(std::string_view column, int parameter) const;
  // An INSERT of one parameter for each of the `columns` ("a, b"), which takes the place of a row
  // with the same key.
  std::string replace(std::string_view table, std::string_view columns) const;

  SqliteDb& sqlite() { return *std::get<0>(db_); }
  PostgresDb& postgres() { return *std::get<1>(db_); }
  bool is_sqlite() const { return db_.index() == 0; }

 private:
  std::variant<std::unique_ptr<SqliteDb>, std::unique_ptr<PostgresDb>> db_;
};

// A statement of a connection, until the end of its life. Parameters count from 1, columns from 0.
class Statement {
 public:
  Statement(SqlDb& db, std::string_view sql);

  Statement& bind(int index, int64_t value);
  Statement& bind(int index, std::string_view text);
  Statement& bind(int index, std::span<const int8_t> bytes);
  Statement& bind_null(int index);
  Statement& bind_ids(int index, std::span<const int64_t> ids);
  // The rows of a SELECT without LIMIT come a few thousand at a time instead of all at once.
  Statement& in_pages();

  bool step();  // true: there is a row
  void run();   // for statements without rows
  std::vector<int64_t> ids();  // the first column of all rows

  int64_t integer(int column) const;        // 0 for none
  std::string_view text(int column) const;  // valid until the next step
  std::span<const int8_t> bytes(int column) const;  // valid until the next step
  bool is_null(int column) const;
  bool is_integer(int column) const;
  int column_count() const;  // after the first step
  std::string_view column_name(int column) const;

 private:
  template <typename Call>
  auto with(Call call) {
    if (auto* statement = std::get_if<SqliteStatement>(&of_)) return call(*statement);
    return call(std::get<PostgresStatement>(of_));
  }
  template <typename Call>
  auto with(Call call) const {
    if (const auto* statement = std::get_if<SqliteStatement>(&of_)) return call(*statement);
    return call(std::get<PostgresStatement>(of_));
  }

  std::variant<std::monostate, SqliteStatement, PostgresStatement> of_;
};

// From begin() until commit(); rolled back when it ends without.
class Transaction {
 public:
  explicit Transaction(SqlDb& db);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  SqlDb& db_;
  bool is_done_ = false;
};

}  // namespace corvid::memory
