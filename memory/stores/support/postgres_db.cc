#include "memory/stores/support/postgres_db.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <libpq-fe.h>

#include "runtime/base/check.h"
#include "runtime/base/error.h"
#include "runtime/base/library.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

constexpr int kRowsPerPage = 4096;
constexpr const char* kLocked = "55P03";  // lock_timeout has passed
constexpr Oid kBool = 16, kInt8 = 20, kInt2 = 21, kInt4 = 23;  // of pg_type

// What every connection begins with. A writer that waits for another gives up after ten seconds,
// unless the server, the role or the URL says another time; a client that vanished in the middle of
// a transaction does not hold the others up for ever.
constexpr const char* kSession =
    "SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET row_security = on;"
    "SET search_path = corvid;"
    "SELECT set_config('lock_timeout', '10s', false) WHERE current_setting('lock_timeout') = '0';"
    "SET idle_in_transaction_session_timeout = '10min'; SET tcp_keepalives_idle = 60;"
    "SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 6;";

// Loaded late: libpq brings OpenLDAP and Kerberos along.
struct Pq {
  decltype(&PQconnectdbParams) connect;
  decltype(&PQconninfoParse) parse;
  decltype(&PQconninfoFree) free_options;
  decltype(&PQfreemem) free_memory;
  decltype(&PQstatus) status;
  decltype(&PQerrorMessage) error_message;
  decltype(&PQfinish) finish;
  decltype(&PQsetNoticeProcessor) set_notice_processor;
  decltype(&PQexec) exec;
  decltype(&PQexecParams) exec_params;
  decltype(&PQprepare) prepare;
  decltype(&PQexecPrepared) exec_prepared;
  decltype(&PQresultStatus) result_status;
  decltype(&PQresultErrorField) error_field;
  decltype(&PQcmdStatus) command_status;
  decltype(&PQclear) clear;
  decltype(&PQntuples) row_count;
  decltype(&PQnfields) column_count;
  decltype(&PQfname) column_name;
  decltype(&PQftype) column_type;
  decltype(&PQgetvalue) value;
  decltype(&PQgetlength) length;
  decltype(&PQgetisnull) is_null;
};

const Pq& pq() {
  static const Pq loaded = [] {
    void* library = load_library({"libpq.so.5"}, "libpq5");
    Pq functions{};
    load_symbol(library, "PQconnectdbParams", functions.connect);
    load_symbol(library, "PQconninfoParse", functions.parse);
    load_symbol(library, "PQconninfoFree", functions.free_options);
    load_symbol(library, "PQfreemem", functions.free_memory);
    load_symbol(library, "PQstatus", functions.status);
    load_symbol(library, "PQerrorMessage", functions.error_message);
    load_symbol(library, "PQfinish", functions.finish);
    load_symbol(library, "PQsetNoticeProcessor", functions.set_notice_processor);
    load_symbol(library, "PQexec", functions.exec);
    load_symbol(library, "PQexecParams", functions.exec_params);
    load_symbol(library, "PQprepare", functions.prepare);
    load_symbol(library, "PQexecPrepared", functions.exec_prepared);
    load_symbol(library, "PQresultStatus", functions.result_status);
    load_symbol(library, "PQresultErrorField", functions.error_field);
    load_symbol(library, "PQcmdStatus", functions.command_status);
    load_symbol(library, "PQclear", functions.clear);
    load_symbol(library, "PQntuples", functions.row_count);
    load_symbol(library, "PQnfields", functions.column_count);
    load_symbol(library, "PQfname", functions.column_name);
    load_symbol(library, "PQftype", functions.column_type);
    load_symbol(library, "PQgetvalue", functions.value);
    load_symbol(library, "PQgetlength", functions.length);
    load_symbol(library, "PQgetisnull", functions.is_null);
    return functions;
  }();
  return loaded;
}

// ?1 becomes $1, ? the next number.
std::pair<std::string, size_t> with_dollars(std::string_view sql) {
  std::string out;
  size_t count = 0;
  bool is_quoted = false;
  for (size_t i = 0; i < sql.size(); ++i) {
    is_quoted ^= sql[i] == '\'';
    if (sql[i] != '?' || is_quoted) {
      out += sql[i];
      continue;
    }
    size_t number = 0;
    while (i + 1 < sql.size() && sql[i + 1] >= '0' && sql[i + 1] <= '9') {
      number = number * 10 + static_cast<size_t>(sql[++i] - '0');
    }
    if (number == 0) number = count + 1;
    count = std::max(count, number);
    out += '$' + std::to_string(number);
  }
  return {out, count};
}

// Parameters as libpq takes them, valid as long as what they were made of.
struct Bound {
  std::vector<const char*> values;
  std::vector<int> lengths, formats;
  template <typename Parameters>
  explicit Bound(const Parameters& parameters) {
    for (const auto& parameter : parameters) {
      values.push_back(parameter.is_null ? nullptr : parameter.value.c_str());
      lengths.push_back(static_cast<int>(parameter.value.size()));
      formats.push_back(parameter.is_binary ? 1 : 0);
    }
  }
  int count() const { return static_cast<int>(values.size()); }
};

struct Owned {
  pg_result* raw;
  ~Owned() { pq().clear(raw); }
};

bool is_error(const pg_result* result) {
  const ExecStatusType status = pq().result_status(result);
  return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK;
}

void be_silent(void*, const char*) {}

}  // namespace

PostgresStatement::PostgresStatement(PostgresDb& db, std::string_view sql) : db_(db) {
  auto [text, count] = with_dollars(sql);
  sql_ = std::move(text);
  parameters_.resize(count);
}

PostgresStatement::~PostgresStatement() {
  pq().clear(rows_);
  if (cursor_.empty() || pq().status(db_.raw_) != CONNECTION_OK) {
    if (owns_transaction_) db_.in_transaction_ = false;
    return;
  }
  if (owns_transaction_) {
    db_.roll_back();  // it has only read
  } else {
    pq().clear(pq().exec(db_.raw_, ("CLOSE " + cursor_).c_str()));
  }
}

void PostgresStatement::bind(int index, int64_t value) {
  parameters_.at(static_cast<size_t>(index - 1)) = {std::to_string(value), false, false};
}

void PostgresStatement::bind(int index, std::string_view text) {
  if (!is_utf8(text) || text.find('\0') != std::string_view::npos) {
    fail(Code::invalid, "the memory store " + db_.shown_ + " takes only UTF-8 text and names");
  }
  parameters_.at(static_cast<size_t>(index - 1)) = {std::string(text), false, false};
}

void PostgresStatement::bind(int index, std::span<const int8_t> bytes) {
  parameters_.at(static_cast<size_t>(index - 1)) = {
      std::string(bytes.begin(), bytes.end()), false, true};
}

void PostgresStatement::bind_null(int index) {
  parameters_.at(static_cast<size_t>(index - 1)) = {};
}

void PostgresStatement::in_pages() { is_paged_ = true; }

void PostgresStatement::open_cursor() {
  db_.make_ready();
  if (!db_.in_transaction_) {
    db_.execute("BEGIN READ ONLY");
    db_.in_transaction_ = owns_transaction_ = true;
  }
  cursor_ = "page_" + std::to_string(++db_.cursor_count_);
  const std::string declare = "DECLARE " + cursor_ + " NO SCROLL CURSOR FOR " + sql_;
  const Bound bound(parameters_);
  pq().clear(db_.expect(pq().exec_params(db_.raw_, declare.c_str(), bound.count(), nullptr,
                                         bound.values.data(), bound.lengths.data(),
                                         bound.formats.data(), 1)));
}

void PostgresStatement::fetch() {
  pq().clear(rows_);
  rows_ = nullptr;
  row_ = -1;
  const std::string fetch = "FETCH " + std::to_string(kRowsPerPage) + " FROM " + cursor_;
  rows_ = db_.expect(
      pq().exec_params(db_.raw_, fetch.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 1));
}

void PostgresStatement::send(const std::string& sql) {
  db_.make_ready();
  const std::string& name = db_.prepared(sql);
  const Bound bound(parameters_);
  rows_ = db_.expect(pq().exec_prepared(db_.raw_, name.c_str(), bound.count(),
                                        bound.values.data(), bound.lengths.data(),
                                        bound.formats.data(), 1));
}

bool PostgresStatement::step() {
  if (rows_ == nullptr) {
    // Most answers fit into one page, and one round trip; a cursor takes four.
    send(is_paged_ ? sql_ + " LIMIT " + std::to_string(kRowsPerPage) : sql_);
    if (is_paged_ && pq().row_count(rows_) == kRowsPerPage) {
      open_cursor();
      fetch();
    }
  }
  if (++row_ < pq().row_count(rows_)) return true;
  if (cursor_.empty() || row_ < kRowsPerPage) return false;
  fetch();
  return ++row_ < pq().row_count(rows_);
}

int64_t PostgresStatement::integer(int column) const {
  const std::string_view bytes = text(column);
  int64_t number = 0;
  switch (pq().column_type(rows_, column)) {
    case kBool:
    case kInt2:
    case kInt4:
    case kInt8: {  // big-endian, with its sign
      if (bytes.empty()) return 0;
      uint64_t value = static_cast<signed char>(bytes[0]) < 0 ? ~uint64_t{0} : 0;
      for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
      return static_cast<int64_t>(value);
    }
    default:
      std::from_chars(bytes.data(), bytes.data() + bytes.size(), number);
      return number;
  }
}

std::string_view PostgresStatement::text(int column) const {
  return {pq().value(rows_, row_, column), static_cast<size_t>(pq().length(rows_, row_, column))};
}

std::span<const int8_t> PostgresStatement::bytes(int column) const {
  const std::string_view all = text(column);
  return {reinterpret_cast<const int8_t*>(all.data()), all.size()};
}

bool PostgresStatement::is_null(int column) const {
  return pq().is_null(rows_, row_, column) != 0;
}

bool PostgresStatement::is_integer(int column) const {
  const Oid type = pq().column_type(rows_, column);
  return !is_null(column) && (type == kInt8 || type == kInt4 || type == kInt2);
}

int PostgresStatement::column_count() const { return pq().column_count(rows_); }

std::string_view PostgresStatement::column_name(int column) const {
  return pq().column_name(rows_, column);
}

PostgresDb::PostgresDb(std::string url, bool sync_full) : url_(std::move(url)) {
  char* error = nullptr;
  PQconninfoOption* options = pq().parse(url_.c_str(), &error);
  // Its own words would quote what is wrong, which may be the password.
  if (error != nullptr) pq().free_memory(error);
  if (options == nullptr) {
    fail(Code::invalid, "not the URL of a PostgreSQL database; it looks like "
                        "postgresql://USER@HOST:PORT/DATABASE");
  }
  std::map<std::string_view, std::string> given;
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    given[option->keyword] = option->val;
    const bool is_secret = option->dispchar != nullptr && *option->dispchar == '*';
    if (is_secret && *option->val != '\0') secrets_.push_back(option->val);
  }
  const std::string& host = given["host"];
  const bool is_socket = host.starts_with('/');
  shown_ = "postgresql://" + (given["user"].empty() ? "" : given["user"] + "@") +
           (is_socket ? "" : host) + (given["port"].empty() ? "" : ":" + given["port"]) + "/" +
           given["dbname"] + (is_socket ? "?host=" + host : "");
  pq().free_options(options);
  session_ = kSession;
  session_ += sync_full ? "SET synchronous_commit = on;" : "SET synchronous_commit = off;";
  connect();
}

PostgresDb::~PostgresDb() { disconnect(); }

void PostgresDb::disconnect() noexcept {
  if (raw_ != nullptr) pq().finish(raw_);
  raw_ = nullptr;
  names_.clear();
  in_transaction_ = false;
}

void PostgresDb::connect() {
  disconnect();
  // What stands before the URL is a default, what stands behind it holds in any case. A server that
  // vanished without a word is noticed after two minutes; only tcp_user_timeout is in milliseconds.
  const char* keywords[] = {"connect_timeout", "tcp_user_timeout", "keepalives_idle",
                            "keepalives_interval", "keepalives_count",
                            "fallback_application_name", "dbname", "client_encoding", nullptr};
  const char* values[] = {"10", "120000", "60", "10", "6", "corvid", url_.c_str(), "UTF8", nullptr};
  raw_ = pq().connect(keywords, values, 1);
  if (raw_ == nullptr || pq().status(raw_) != CONNECTION_OK) {
    const std::string why = raw_ == nullptr ? "out of memory" : pq().error_message(raw_);
    disconnect();
    fail(Code::io, "the memory store " + shown_ + " does not answer: " +
                       without_secrets(std::string(trim(why))));
  }
  pq().set_notice_processor(raw_, be_silent, nullptr);
  pq().clear(expect(pq().exec(raw_, session_.c_str())));
}

void PostgresDb::make_ready() {
  if (raw_ != nullptr && pq().status(raw_) == CONNECTION_OK) return;
  if (in_transaction_) raise(nullptr);
  connect();
}

void PostgresDb::keep(const std::string& sql) {
  execute(sql);
  session_ += sql + ";";
}

void PostgresDb::execute(const std::string& sql) {
  make_ready();
  pq().clear(expect(pq().exec(raw_, sql.c_str())));
}

bool PostgresDb::try_execute(const std::string& sql) {
  make_ready();
  const Owned result{pq().exec(raw_, sql.c_str())};
  const char* state = pq().error_field(result.raw, PG_DIAG_SQLSTATE);
  if (state != nullptr && std::strcmp(state, kLocked) == 0) return false;
  if (is_error(result.raw)) raise(result.raw);
  return true;
}

void PostgresDb::begin() {
  make_ready();
  const Owned result{pq().exec(raw_, ("BEGIN;" + gate_).c_str())};
  if (is_error(result.raw)) {
    roll_back();
    raise(result.raw);
  }
  in_transaction_ = true;
}

void PostgresDb::commit() {
  const Owned result{expect(pq().exec(raw_, "COMMIT"))};
  in_transaction_ = false;
  // A transaction in which something failed is rolled back without an error.
  if (std::strcmp(pq().command_status(result.raw), "COMMIT") != 0) {
    fail(Code::io, "memory store " + shown_ + ": the server took a write back");
  }
}

void PostgresDb::roll_back() noexcept {
  in_transaction_ = false;
  if (raw_ != nullptr && pq().status(raw_) == CONNECTION_OK) {
    pq().clear(pq().exec(raw_, "ROLLBACK"));
  }
}

const std::string& PostgresDb::prepared(const std::string& sql) {
  const auto known = names_.find(sql);
  if (known != names_.end()) return known->second;
  const std::string name = "s" + std::to_string(names_.size());
  pq().clear(expect(pq().prepare(raw_, name.c_str(), sql.c_str(), 0, nullptr)));
  return names_.emplace(sql, name).first->second;
}

pg_result* PostgresDb::expect(pg_result* result) {
  if (!is_error(result)) return result;
  const Owned owned{result};
  raise(result);
}

std::string PostgresDb::without_secrets(std::string text) const {
  for (const std::string& secret : secrets_) {
    for (size_t at = 0; (at = text.find(secret, at)) != std::string::npos;) {
      text.replace(at, secret.size(), "***");
      at += 3;
    }
  }
  return text;
}

void PostgresDb::raise(const pg_result* result) {
  const auto field = [&](int code) {
    const char* text = result == nullptr ? nullptr : pq().error_field(result, code);
    return std::string(text == nullptr ? "" : text);
  };
  const std::string state = field(PG_DIAG_SQLSTATE);
  const std::string kind = state.substr(0, 2);
  if (raw_ == nullptr || pq().status(raw_) != CONNECTION_OK) {
    fail(Code::io, "the connection to the memory store " + shown_ +
                       " was lost; a write that was under way may be there or not, and the next "
                       "one connects again");
  }
  // The primary message names no values; details do.
  const std::string what = without_secrets(field(PG_DIAG_MESSAGE_PRIMARY)) + " (" + state + ")";
  const std::string where = "memory store " + shown_ + ": ";
  if (state == kLocked || kind == "40") {
    fail(Code::timeout, "the memory store " + shown_ +
                            " is locked by another process: try again when that one has ended");
  }
  if (state == "53100") fail(Code::io, "no space left for the memory store " + shown_);
  if (state == "42501") fail(Code::denied, where + what + "; the role needs its own database");
  if (kind == "22") fail(Code::invalid, where + what);
  if (state == "XX001" || state == "XX002") fail(Code::corrupt, "corrupt: " + where + what);
  fail(Code::io, where + what);
}

}  // namespace corvid::memory
