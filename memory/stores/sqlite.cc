// One SQLite file for each tenant: memory.db in the store's folder, or in the tenant's below it.

#include <sys/stat.h>

#include <filesystem>

#include "memory/ingest/annotate.h"
#include "memory/stores/support/maintenance.h"
#include "memory/stores/support/postings.h"
#include "memory/stores/support/schema.h"
#include "memory/stores/support/sql_store.h"
#include "memory/stores/support/tenants.h"
#include "memory/stores/support/tokens.h"
#include "runtime/base/error.h"

namespace corvid::memory {
namespace {

constexpr int64_t kRebuildIndexTurnsMax = 20'000;  // below, a new index is cheap and surely clean

class SqliteStore final : public SqlStore {
 public:
  SqliteStore(std::string_view location, Durability durability, const std::string& tenant);

  TurnId add_turn(Turn& turn) override;
  void erase_turn(const Turn& turn) override;
  std::vector<TermCount> match(std::string_view term) const override {
    return match_after(term, 0);
  }
  std::vector<TermCount> match_after(std::string_view term, TurnId after) const override {
    const Access use = connection();
    return find_term(use.db, term, after);
  }
  std::filesystem::path cache_folder() const override { return file_.parent_path(); }
  std::string folded(std::string_view word) const override {
    const std::vector<std::string> words = tokens_.of(word);
    return words.size() == 1 ? words[0] : std::string();
  }
  void for_each_posting(
      const std::function<void(std::string_view, TermCount)>& visit) const override {
    const Whole use = both();  // a temporary table is needed
    memory::for_each_posting(use.db, visit);
  }
  void make_index_anew() override {
    const Access use = connection();
    memory::make_index_anew(use.db);
  }
  MemoryStats stats() const override;
  std::string durability() const override;
  std::vector<std::string> verify() const override;

 private:
  bool scrub_all() override;

  std::string location_;
  Durability durability_;
  std::filesystem::path file_;  // "" in memory
  Tokens tokens_;
};

SqliteStore::SqliteStore(std::string_view location, Durability durability,
                         const std::string& tenant)
    : SqlStore(tenant), location_(location), durability_(durability) {
  std::string path = ":memory:";
  if (location != path) {
    // The file of no tenant may hold what is this one's, from before each had its own.
    if (!tenant.empty() && std::filesystem::exists(std::filesystem::path(location) / kStoreFile)) {
      SqliteStore(location, durability, "");
    }
    const std::filesystem::path folder = tenant_folder(location, tenant);
    make_store_folder(folder);
    if (!std::filesystem::is_directory(folder)) {
      fail(Code::io, "the memory store " + location_ + " is not a folder and cannot be made");
    }
    file_ = folder / kStoreFile;
    path = file_.string();
  }
  const auto open = [&] {
    return std::make_unique<SqlDb>(
        std::make_unique<SqliteDb>(path, durability == Durability::full));
  };
  std::unique_ptr<SqlDb> writer = open();
  prepare_schema(*writer, location_);
  if (file_.empty()) {
    hold(std::move(writer), nullptr);
    renew_index();
    return;
  }
  ::chmod(path.c_str(), 0600);
  if (tenant.empty()) part_tenants(*writer, location_);
  std::unique_ptr<SqlDb> reader = open();
  reader->execute("PRAGMA query_only = ON");
  const bool is_pending =
      writer->number("SELECT value FROM meta WHERE key = 'scrub_pending'") != 0;
  hold(std::move(writer), std::move(reader));
  renew_index();
  if (!is_pending) return;
  // Whoever wants to read does not wait for others who do.
  const Whole use = both();
  use.db.execute("PRAGMA busy_timeout = 0");
  scrub();
  use.db.execute("PRAGMA busy_timeout = " + std::to_string(kBusyTimeoutMs));
}

TurnId SqliteStore::add_turn(Turn& turn) {
  const Access use = connection();
  insert_turn(use.db, turn);
  Statement index(use.db, "INSERT INTO fts_turn(rowid, own) VALUES(?, ?)");
  index.bind(1, turn.id).bind(2, searched_text(turn)).run();
  return turn.id;
}

void SqliteStore::erase_turn(const Turn& turn) {
  const Access use = connection();
  Statement index(use.db, "INSERT INTO fts_turn(fts_turn, rowid, own) VALUES('delete', ?, ?)");
  index.bind(1, turn.id).bind(2, searched_text(turn)).run();
  delete_turn(use.db, turn.id);
}

bool SqliteStore::scrub_all() {
  remove_caches(file_.parent_path());
  const Whole use = both();
  {
    Transaction transaction(use.db);
    use.db.execute("DELETE FROM session WHERE id NOT IN (SELECT session_id FROM turn)");
    // FTS5 keeps words of deleted rows in old segments until they are merged.
    if (use.db.number("SELECT count(*) FROM turn") <= kRebuildIndexTurnsMax) {
      memory::make_index_anew(use.db);
    } else {
      use.db.execute("INSERT INTO fts_turn(fts_turn) VALUES('optimize')");
    }
    transaction.commit();
  }
  // Pages may keep stale copies of cells in their slack; a new file does not.
  if (!use.db.sqlite().try_execute("VACUUM") || !use.db.sqlite().try_empty_wal()) return false;
  use.db.execute("UPDATE meta SET value = 0 WHERE key = 'scrub_pending'");
  return true;
}

MemoryStats SqliteStore::stats() const {
  const Access use = connection();
  MemoryStats stats = count_rows(use.db);
  stats.text_bytes = use.db.number("SELECT sum(length(CAST(text AS BLOB))) FROM turn");
  stats.format = static_cast<int>(use.db.number("PRAGMA user_version"));
  stats.location = location_;
  std::error_code error;
  for (const char* suffix : {"", "-wal", "-shm"}) {
    const auto size = std::filesystem::file_size(file_.string() + suffix, error);
    if (!error) stats.file_bytes += static_cast<int64_t>(size);
  }
  return stats;
}

std::string SqliteStore::durability() const {
  if (file_.empty()) return "nothing is kept after this process";
  return durability_ == Durability::full
             ? "an acknowledged write survives the death of the process and power loss"
             : "an acknowledged write survives the death of the process; power loss may take the "
               "last writes";
}

std::vector<std::string> SqliteStore::verify() const {
  // On the writer's connection, because the comparison needs a temporary table.
  const Whole use = both();
  std::vector<std::string> problems;
  check_pages(use.db, problems);
  check_rows(use.db, problems);
  check_index(use.db, problems);
  return problems;
}

}  // namespace

std::unique_ptr<Store> make_sqlite(std::string_view location, Durability durability,
                                   const std::string& tenant) {
  return std::make_unique<SqliteStore>(location, durability, tenant);
}

}  // namespace corvid::memory
