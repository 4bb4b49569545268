#include "memory/stores/support/tenants.h"

#include <unistd.h>

#include <vector>

#include "memory/stores/support/maintenance.h"
#include "memory/stores/support/rows.h"
#include "memory/stores/support/schema.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

constexpr size_t kNameDigits = 32;

// temp.moving holds the tenant's scopes.
constexpr const char* kCopy = R"sql(
DELETE FROM part.meta;
INSERT INTO part.meta SELECT * FROM main.meta;
INSERT INTO part.scope SELECT * FROM main.scope WHERE id IN moving;
INSERT INTO part.session SELECT * FROM main.session WHERE scope_id IN moving;
INSERT INTO part.turn SELECT * FROM main.turn WHERE scope_id IN moving;
INSERT INTO part.segment SELECT * FROM main.segment WHERE scope_id IN moving;
INSERT INTO part.source SELECT * FROM main.source WHERE turn_id IN (SELECT id FROM part.turn);
INSERT INTO part.fact SELECT * FROM main.fact WHERE scope_id IN moving;
INSERT INTO part.foresight SELECT * FROM main.foresight WHERE scope_id IN moving;
INSERT INTO part.amendment SELECT * FROM main.amendment
  WHERE turn_id IN (SELECT id FROM part.turn);
INSERT INTO part.pause SELECT * FROM main.pause WHERE scope_id = 0 OR scope_id IN moving;
INSERT INTO part.tombstone SELECT * FROM main.tombstone WHERE scope_id IN moving;
INSERT INTO part.embedder SELECT * FROM main.embedder;
INSERT INTO part.embedding SELECT * FROM main.embedding
  WHERE turn_id IN (SELECT id FROM part.turn);
DELETE FROM part.sqlite_sequence;
INSERT INTO part.sqlite_sequence SELECT * FROM main.sqlite_sequence WHERE name <> 'event';
)sql";

constexpr const char* kErase = R"sql(
DELETE FROM main.embedding WHERE turn_id IN (SELECT id FROM turn WHERE scope_id IN moving);
DELETE FROM main.amendment WHERE turn_id IN (SELECT id FROM turn WHERE scope_id IN moving);
DELETE FROM main.source WHERE turn_id IN (SELECT id FROM turn WHERE scope_id IN moving);
DELETE FROM main.foresight WHERE scope_id IN moving;
DELETE FROM main.fact WHERE scope_id IN moving;
DELETE FROM main.turn WHERE scope_id IN moving;
DELETE FROM main.segment WHERE scope_id IN moving;
DELETE FROM main.session WHERE scope_id IN moving;
DELETE FROM main.tombstone WHERE scope_id IN moving;
DELETE FROM main.pause WHERE scope_id IN moving;
DELETE FROM main.scope WHERE id IN moving;
UPDATE main.meta SET value = 1 WHERE key = 'scrub_pending';
UPDATE main.meta SET value = CAST(value AS BIGINT) + 1 WHERE key = 'generation';
)sql";

void choose(SqlDb& shared, const std::string& tenant) {
  shared.execute(
      "CREATE TEMP TABLE IF NOT EXISTS moving(id INTEGER PRIMARY KEY); DELETE FROM moving");
  Statement scopes(shared, "INSERT INTO moving SELECT id FROM main.scope WHERE tenant = ?");
  scopes.bind(1, tenant).run();
}

// The events of what is there, in a chain of their own.
void copy_events(SqlDb& shared) {
  Statement own(shared,
                "SELECT id, at, actor, op, kind, first_id, last_id, reason FROM main.event WHERE"
                " (kind = 'turn' AND first_id IN (SELECT id FROM part.turn)) OR"
                " (kind = 'cell' AND first_id IN (SELECT id FROM part.segment)) OR"
                " (kind = 'scope' AND first_id IN moving) ORDER BY id");
  std::string prev;
  while (own.step()) {
    const Event event = read_event(own);
    const std::string hash = event_hash(prev, event);
    Statement put(shared,
                  "INSERT INTO part.event(at, actor, op, kind, first_id, last_id, reason,"
                  " prev_hash, hash) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
    put.bind(1, to_ms(event.at)).bind(2, event.actor).bind(3, event.op).bind(4, event.kind);
    put.bind(5, event.first_id).bind(6, event.last_id).bind(7, event.reason).bind(8, prev);
    put.bind(9, hash).run();
    prev = hash;
  }
}

void copy(SqlDb& shared, const std::string& tenant, const std::filesystem::path& file) {
  {
    SqlDb made(std::make_unique<SqliteDb>(file.string(), true));
    prepare_schema(made, file.string());
  }
  {
    Statement attach(shared, "ATTACH ? AS part");
    attach.bind(1, file.string()).run();
  }
  {
    Transaction transaction(shared);
    choose(shared, tenant);
    shared.execute(kCopy);
    copy_events(shared);
    transaction.commit();
  }
  shared.execute("DETACH part");
  SqlDb made(std::make_unique<SqliteDb>(file.string(), true));
  make_index_anew(made);
  made.sqlite().try_empty_wal();
}

// Another process that does the same may be faster: the first whole file stays.
void move(SqlDb& shared, const std::string& tenant, const std::filesystem::path& store) {
  const std::filesystem::path folder = tenant_folder(store, tenant);
  std::error_code error;
  make_store_folder(folder);
  if (!std::filesystem::exists(folder / kStoreFile)) {
    const std::filesystem::path part = folder / ("part-" + std::to_string(::getpid()) + ".new");
    std::filesystem::remove(part);
    copy(shared, tenant, part);
    std::filesystem::create_hard_link(part, folder / kStoreFile, error);
    std::filesystem::remove(part);
    if (!std::filesystem::exists(folder / kStoreFile)) {
      fail(Code::io, "cannot make the memory store " + (folder / kStoreFile).string());
    }
  }
  Transaction transaction(shared);
  choose(shared, tenant);
  shared.execute(kErase);
  make_index_anew(shared);
  transaction.commit();
}

}  // namespace

std::filesystem::path tenant_folder(const std::filesystem::path& store,
                                    const std::string& tenant) {
  if (tenant.empty()) return store;
  return store / ("tenant-" + sha256_hex(tenant).substr(0, kNameDigits));
}

void make_store_folder(const std::filesystem::path& folder) {
  std::error_code error;
  if (std::filesystem::create_directories(folder, error)) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  }
}

void part_tenants(SqlDb& shared, const std::filesystem::path& store) {
  std::vector<std::string> tenants;
  {
    Statement all(shared, "SELECT DISTINCT tenant FROM scope WHERE tenant <> '' ORDER BY tenant");
    while (all.step()) tenants.emplace_back(all.text(0));
  }
  for (const std::string& tenant : tenants) move(shared, tenant, store);
  if (!tenants.empty()) shared.execute("DROP TABLE temp.moving");
}

}  // namespace corvid::memory
