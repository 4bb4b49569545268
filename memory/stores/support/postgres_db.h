#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct pg_conn;
struct pg_result;

namespace corvid::memory {

class PostgresDb;

// A statement that is sent at its first step. See Statement.
class PostgresStatement {
 public:
  PostgresStatement(PostgresDb& db, std::string_view sql);
  ~PostgresStatement();
  PostgresStatement(const PostgresStatement&) = delete;
  PostgresStatement& operator=(const PostgresStatement&) = delete;

  void bind(int index, int64_t value);
  void bind(int index, std::string_view text);  // throws invalid for what is not UTF-8
  void bind(int index, std::span<const int8_t> bytes);
  void bind_null(int index);
  void in_pages();  // of a SELECT without LIMIT

  bool step();

  int64_t integer(int column) const;
  std::string_view text(int column) const;
  std::span<const int8_t> bytes(int column) const;
  bool is_null(int column) const;
  bool is_integer(int column) const;
  int column_count() const;
  std::string_view column_name(int column) const;

 private:
  struct Parameter {
    std::string value{};
    bool is_null = true;
    bool is_binary = false;
  };
  void send(const std::string& sql);
  void open_cursor();
  void fetch();

  PostgresDb& db_;
  std::string sql_;  // with $1 for ?1
  std::vector<Parameter> parameters_;
  bool is_paged_ = false;
  bool owns_transaction_ = false;  // in which the cursor lives
  std::string cursor_;
  pg_result* rows_ = nullptr;
  int row_ = -1;
};

// One connection to a server through libpq, which is loaded when the first one is made. Not
// thread-safe. The only place where libpq's failures become Error: timeout (locked), io (among them
// a lost connection; outside of a transaction the next call connects again), invalid, denied,
// corrupt. No error holds a password.
class PostgresDb {
 public:
  PostgresDb(std::string url, bool sync_full);
  ~PostgresDb();
  PostgresDb(const PostgresDb&) = delete;
  PostgresDb& operator=(const PostgresDb&) = delete;

  void execute(const std::string& sql);
  // Runs it now, and again after every new connection.
  void keep(const std::string& sql);
  // Run first in every transaction of begin().
  void set_gate(const std::string& sql) { gate_ = sql; }
  void begin();
  void commit();
  void roll_back() noexcept;
  // False when another connection is in the way.
  bool try_execute(const std::string& sql);

  const std::string& shown() const { return shown_; }  // the URL without its secrets

 private:
  friend class PostgresStatement;

  void connect();
  void make_ready();  // connects again where the connection was lost
  void disconnect() noexcept;
  const std::string& prepared(const std::string& sql);  // name of the statement
  pg_result* expect(pg_result* result);  // gives it back, or throws
  [[noreturn]] void raise(const pg_result* result);
  std::string without_secrets(std::string text) const;

  std::string url_;
  std::string shown_;
  std::vector<std::string> secrets_;
  std::string session_;  // SQL that a new connection begins with
  std::string gate_;
  pg_conn* raw_ = nullptr;
  bool in_transaction_ = false;
  int64_t cursor_count_ = 0;
  std::map<std::string, std::string, std::less<>> names_;  // of prepared statements
};

}  // namespace corvid::memory
