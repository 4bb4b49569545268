// The schema `corvid` of a PostgreSQL database, see support/postgres_schema.cc: many machines share
// one memory, tenants see their own rows only.

#include "memory/ingest/annotate.h"
#include "memory/stores/support/maintenance.h"
#include "memory/stores/support/postgres_schema.h"
#include "memory/stores/support/rows.h"
#include "memory/stores/support/schema.h"
#include "memory/stores/support/sql_store.h"
#include "memory/stores/support/words.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"

namespace corvid::memory {
namespace {

class PostgresStore final : public SqlStore {
 public:
  PostgresStore(std::string_view location, Durability durability, const std::string& tenant);

  TurnId add_turn(Turn& turn) override;
  void erase_turn(const Turn& turn) override;
  std::vector<TermCount> match(std::string_view term) const override {
    const Access access = connection();
    return words_.match(access.db, term);
  }
  void put_row(const Json& line) override;
  void make_index_anew() override {
    const Access access = connection();
    words_.make_anew(access.db);
  }
  MemoryStats stats() const override;
  std::string durability() const override;
  std::vector<std::string> verify() const override;

 private:
  bool scrub_all() override;

  Durability durability_;
  Words words_;
};

PostgresStore::PostgresStore(std::string_view location, Durability durability,
                             const std::string& tenant)
    : SqlStore(tenant), durability_(durability) {
  const auto open = [&] {
    auto db = std::make_unique<SqlDb>(std::make_unique<PostgresDb>(
        std::string(location), durability == Durability::full));
    words_.set_tenant(open_as_tenant(*db, tenant));
    return db;
  };
  std::unique_ptr<SqlDb> writer = open();
  const bool is_pending =
      writer->number("SELECT value FROM meta WHERE key = 'scrub_pending'") != 0;
  hold(std::move(writer), open());
  renew_index();
  if (is_pending) scrub();
}

TurnId PostgresStore::add_turn(Turn& turn) {
  const Access access = connection();
  insert_turn(access.db, turn);
  words_.add(access.db, turn);
  return turn.id;
}

void PostgresStore::erase_turn(const Turn& turn) {
  const Access access = connection();
  words_.erase(access.db, turn.id);
  delete_turn(access.db, turn.id);
}

void PostgresStore::put_row(const Json& line) {
  if (line.is_object() && json_string_or(line, "table", "") == "scope" && line.contains("row")) {
    const Json& row = line.at("row");
    // A scope of the same name that holds nothing makes way.
    const Access access = connection();
    Statement clear(access.db,
                    "DELETE FROM scope WHERE tenant = ? AND \"user\" = ? AND project = ?"
                    " AND session_parent = ? AND id <> ?");
    clear.bind(1, tenant_).bind(2, json_string(row, "user")).bind(3, json_string(row, "project"));
    clear.bind(4, json_string(row, "session_parent")).bind(5, json_int_or(row, "id", 0)).run();
  }
  SqlStore::put_row(line);
}

bool PostgresStore::scrub_all() {
  const Whole whole = both();
  {
    Transaction transaction(whole.db);
    whole.db.execute("DELETE FROM session WHERE id NOT IN (SELECT session_id FROM turn)");
    transaction.commit();
  }
  return rewrite_tables(whole.db);
}

MemoryStats PostgresStore::stats() const {
  const Access access = connection();
  MemoryStats stats = count_rows(access.db);
  stats.text_bytes =
      access.db.number("SELECT coalesce(sum(octet_length(text)), 0)::bigint FROM turn");
  stats.format = kStoreFormat;
  stats.location = access.db.postgres().shown();
  // Of all tenants, for they share the files.
  stats.file_bytes = access.db.number(
      "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class WHERE relkind = 'r'"
      " AND relnamespace = 'corvid'::regnamespace");
  return stats;
}

std::string PostgresStore::durability() const {
  return durability_ == Durability::full
             ? "an acknowledged write survives the death of this process and what the server's own "
               "settings let it survive"
             : "an acknowledged write survives the death of this process; a crash of the server "
               "may take the last writes";
}

std::vector<std::string> PostgresStore::verify() const {
  const Access access = connection();
  std::vector<std::string> problems;
  check_rows(access.db, problems);
  words_.check(access.db, problems);
  return problems;
}

}  // namespace

std::unique_ptr<Store> make_postgres(std::string_view location, Durability durability,
                                     const std::string& tenant) {
  return std::make_unique<PostgresStore>(location, durability, tenant);
}

}  // namespace corvid::memory
