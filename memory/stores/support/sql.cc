#include "memory/stores/support/sql.h"

#include <algorithm>

#include "memory/stores/support/rows.h"

namespace corvid::memory {

void SqlDb::execute(const std::string& sql) {
  std::visit([&](auto& db) { db->execute(sql); }, db_);
}

int64_t SqlDb::number(std::string_view sql) {
  Statement statement(*this, sql);
  return statement.step() ? statement.integer(0) : 0;
}

void SqlDb::begin() {
  std::visit([](auto& db) { db->begin(); }, db_);
}

void SqlDb::commit() {
  std::visit([](auto& db) { db->commit(); }, db_);
}

void SqlDb::roll_back() noexcept {
  std::visit([](auto& db) { db->roll_back(); }, db_);
}

std::string SqlDb::among(std::string_view column, int parameter) const {
  const std::string place = "?" + std::to_string(parameter);
  return std::string(column) + (is_sqlite() ? " IN (SELECT value FROM json_each(" + place + "))"
                                            : " = ANY(" + place + "::bigint[])");
}

std::string SqlDb::replace(std::string_view table, std::string_view columns) const {
  std::string names;
  std::string places;
  std::string changes;
  for (size_t at = 0; at < columns.size();) {
    const size_t end = std::min(columns.find(", ", at), columns.size());
    const std::string name = '"' + std::string(columns.substr(at, end - at)) + '"';
    names += (names.empty() ? "" : ", ") + name;
    places += places.empty() ? "?" : ", ?";
    changes += (changes.empty() ? "" : ", ") + name + " = EXCLUDED." + name;
    at = end + 2;
  }
  const std::string rest =
      " INTO " + std::string(table) + "(" + names + ") VALUES(" + places + ")";
  if (is_sqlite()) return "INSERT OR REPLACE" + rest;
  return "INSERT" + rest + " ON CONFLICT ON CONSTRAINT " + std::string(table) +
         "_pkey DO UPDATE SET " + changes;
}

Statement::Statement(SqlDb& db, std::string_view sql) {
  if (db.is_sqlite()) {
    of_.emplace<SqliteStatement>(db.sqlite(), sql);
  } else {
    of_.emplace<PostgresStatement>(db.postgres(), sql);
  }
}

Statement& Statement::bind(int index, int64_t value) {
  with([&](auto& statement) { statement.bind(index, value); });
  return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
  with([&](auto& statement) { statement.bind(index, text); });
  return *this;
}

Statement& Statement::bind(int index, std::span<const int8_t> bytes) {
  with([&](auto& statement) { statement.bind(index, bytes); });
  return *this;
}

Statement& Statement::bind_null(int index) {
  with([&](auto& statement) { statement.bind_null(index); });
  return *this;
}

Statement& Statement::bind_ids(int index, std::span<const int64_t> ids) {
  const bool is_sqlite = std::holds_alternative<SqliteStatement>(of_);
  return bind(index, (is_sqlite ? "[" : "{") + id_list(ids) + (is_sqlite ? "]" : "}"));
}

Statement& Statement::in_pages() {
  if (auto* statement = std::get_if<PostgresStatement>(&of_)) statement->in_pages();
  return *this;
}

bool Statement::step() {
  return with([](auto& statement) { return statement.step(); });
}

void Statement::run() {
  while (step()) {
  }
}

std::vector<int64_t> Statement::ids() {
  std::vector<int64_t> all;
  while (step()) all.push_back(integer(0));
  return all;
}

int64_t Statement::integer(int column) const {
  return with([&](const auto& statement) { return statement.integer(column); });
}

std::string_view Statement::text(int column) const {
  return with([&](const auto& statement) { return statement.text(column); });
}

std::span<const int8_t> Statement::bytes(int column) const {
  return with([&](const auto& statement) { return statement.bytes(column); });
}

bool Statement::is_null(int column) const {
  return with([&](const auto& statement) { return statement.is_null(column); });
}

bool Statement::is_integer(int column) const {
  return with([&](const auto& statement) { return statement.is_integer(column); });
}

int Statement::column_count() const {
  return with([](const auto& statement) { return statement.column_count(); });
}

std::string_view Statement::column_name(int column) const {
  return with([&](const auto& statement) { return statement.column_name(column); });
}

Transaction::Transaction(SqlDb& db) : db_(db) { db.begin(); }

Transaction::~Transaction() {
  if (!is_done_) db_.roll_back();
}

void Transaction::commit() {
  db_.commit();
  is_done_ = true;
}

}  // namespace corvid::memory
