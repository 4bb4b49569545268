#include "memory/stores/support/sqlite_db.h"

#include <sqlite3.h>

#include "runtime/base/check.h"
#include "runtime/base/error.h"

namespace corvid::memory {
namespace {

// corvid_count(fts_table): occurrences of the query in the row.
void count_hits(const Fts5ExtensionApi* api, Fts5Context* fts, sqlite3_context* context, int,
                sqlite3_value**) {
  int count = 0;
  const int code = api->xInstCount(fts, &count);
  if (code == SQLITE_OK) {
    sqlite3_result_int(context, count);
  } else {
    sqlite3_result_error_code(context, code);
  }
}

}  // namespace

fts5_api* find_fts5(sqlite3* db) {
  sqlite3_stmt* statement = nullptr;
  fts5_api* api = nullptr;
  if (sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &statement, nullptr) != SQLITE_OK) {
    return nullptr;
  }
  sqlite3_bind_pointer(statement, 1, static_cast<void*>(&api), "fts5_api_ptr", nullptr);
  sqlite3_step(statement);
  return sqlite3_finalize(statement) == SQLITE_OK ? api : nullptr;
}

SqliteStatement::SqliteStatement(SqliteDb& db, std::string_view sql) : db_(db) {
  auto place = db.idle_.find(sql);
  if (place != db.idle_.end() && !place->second.empty()) {
    raw_ = place->second.back();
    place->second.pop_back();
    return;
  }
  const int code = sqlite3_prepare_v3(db.raw_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw_, nullptr);
  if (code != SQLITE_OK) db.raise(code, "prepare");
}

SqliteStatement::~SqliteStatement() {
  sqlite3_reset(raw_);
  sqlite3_clear_bindings(raw_);
  db_.idle_[sqlite3_sql(raw_)].push_back(raw_);
}

void SqliteStatement::bind(int index, int64_t value) {
  CHECK(sqlite3_bind_int64(raw_, index, value) == SQLITE_OK);
}

void SqliteStatement::bind(int index, std::string_view text) {
  const char* data = text.data() == nullptr ? "" : text.data();
  const int code = sqlite3_bind_text64(raw_, index, data, text.size(), SQLITE_TRANSIENT,
                                       SQLITE_UTF8);
  if (code != SQLITE_OK) db_.raise(code, "bind");
}

void SqliteStatement::bind(int index, std::span<const int8_t> bytes) {
  // No pointer at all would bind NULL.
  const void* data = bytes.empty() ? static_cast<const void*>("") : bytes.data();
  const int code = sqlite3_bind_blob64(raw_, index, data, bytes.size(), SQLITE_TRANSIENT);
  if (code != SQLITE_OK) db_.raise(code, "bind");
}

void SqliteStatement::bind_null(int index) {
  CHECK(sqlite3_bind_null(raw_, index) == SQLITE_OK);
}

bool SqliteStatement::step() {
  const int code = sqlite3_step(raw_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) db_.raise(code, sqlite3_sql(raw_));
  return false;
}

int64_t SqliteStatement::integer(int column) const { return sqlite3_column_int64(raw_, column); }

std::string_view SqliteStatement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(raw_, column));
  if (data == nullptr) return {};
  return {data, static_cast<size_t>(sqlite3_column_bytes(raw_, column))};
}

std::span<const int8_t> SqliteStatement::bytes(int column) const {
  const auto* data = static_cast<const int8_t*>(sqlite3_column_blob(raw_, column));
  return {data, static_cast<size_t>(sqlite3_column_bytes(raw_, column))};
}

bool SqliteStatement::is_null(int column) const {
  return sqlite3_column_type(raw_, column) == SQLITE_NULL;
}

bool SqliteStatement::is_integer(int column) const {
  return sqlite3_column_type(raw_, column) == SQLITE_INTEGER;
}

int SqliteStatement::column_count() const { return sqlite3_column_count(raw_); }

std::string_view SqliteStatement::column_name(int column) const {
  return sqlite3_column_name(raw_, column);
}

SqliteDb::SqliteDb(const std::string& path, bool sync_full) : path_(path) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &raw_, flags, nullptr);
  if (code != SQLITE_OK) {
    const std::string what = raw_ != nullptr ? sqlite3_errmsg(raw_) : "out of memory";
    sqlite3_close(raw_);
    fail(Code::io, "cannot open the memory store " + path + ": " + what);
  }
  // A constructor that throws runs no destructor.
  std::unique_ptr<sqlite3, int (*)(sqlite3*)> guard(raw_, sqlite3_close);
  sqlite3_extended_result_codes(raw_, 1);
  sqlite3_busy_timeout(raw_, kBusyTimeoutMs);
  sqlite3_db_config(raw_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  execute(
      "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON;"
      "PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;"
      "PRAGMA journal_mode = WAL;");
  execute(sync_full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  fts5_api* const api = find_fts5(raw_);
  const int added = api == nullptr ? SQLITE_ERROR
                                   : api->xCreateFunction(api, "corvid_count", nullptr,
                                                          count_hits, nullptr);
  if (added != SQLITE_OK) raise(added, "FTS5");
  static_cast<void>(guard.release());
}

SqliteDb::~SqliteDb() {
  for (auto& [sql, statements] : idle_) {
    for (sqlite3_stmt* statement : statements) sqlite3_finalize(statement);
  }
  sqlite3_close(raw_);
}

void SqliteDb::execute(const std::string& sql) {
  const int code = sqlite3_exec(raw_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) raise(code, sql.substr(0, 80));
}

bool SqliteDb::try_execute(const std::string& sql) {
  const int code = sqlite3_exec(raw_, sql.c_str(), nullptr, nullptr, nullptr);
  if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED) return false;
  if (code != SQLITE_OK) raise(code, sql.substr(0, 80));
  return true;
}

bool SqliteDb::try_empty_wal() {
  SqliteStatement statement(*this, "PRAGMA wal_checkpoint(TRUNCATE)");
  return !statement.step() || statement.integer(0) == 0;
}

void SqliteDb::roll_back() noexcept {
  if (sqlite3_get_autocommit(raw_) == 0) {
    sqlite3_exec(raw_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

void SqliteDb::raise(int code, std::string_view doing) const {
  const std::string detail = std::string(sqlite3_errmsg(raw_)) + " (" + std::string(doing) + ")";
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      fail(Code::timeout, "the memory store " + path_ +
                              " is locked by another process: try again when that one has ended");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      fail(Code::corrupt, "corrupt: " + path_ + ": " + detail +
                              "; move the file away and a new store is made, or put a copy back");
    case SQLITE_FULL:
      fail(Code::io, "no space left for the memory store " + path_ + ": free some, then go on");
    default:
      fail(Code::io, "memory store " + path_ + ": " + detail);
  }
}

}  // namespace corvid::memory
