#include "memory/stores/support/schema.h"

#include <array>
#include <string>

#include "runtime/base/error.h"

namespace corvid::memory {
namespace {

constexpr int64_t kApplicationId = 0x636f7276;  // "corv"

// fts_turn holds no text and no neighbours: windows are sums over the own column, see
// recall/rank.h. Derived rows point to their turns through `source`.
constexpr const char* kFormat1 = R"sql(
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE scope(
  id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, user TEXT NOT NULL, project TEXT NOT NULL,
  session_parent TEXT NOT NULL, kind TEXT NOT NULL, created INTEGER NOT NULL,
  UNIQUE(tenant, user, project, session_parent));
CREATE TABLE session(
  id INTEGER PRIMARY KEY, scope_id INTEGER NOT NULL REFERENCES scope(id), name TEXT NOT NULL,
  kind INTEGER NOT NULL, created INTEGER NOT NULL, UNIQUE(scope_id, name));
CREATE TABLE turn(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  scope_id INTEGER NOT NULL REFERENCES scope(id),
  session_id INTEGER NOT NULL REFERENCES session(id),
  seq INTEGER NOT NULL, external_id TEXT, role TEXT NOT NULL, speaker TEXT NOT NULL,
  channel TEXT NOT NULL, tier INTEGER NOT NULL, said_at INTEGER NOT NULL,
  learnt_at INTEGER NOT NULL, text TEXT NOT NULL, bytes_full INTEGER NOT NULL,
  sha256 TEXT NOT NULL, words INTEGER NOT NULL, features INTEGER NOT NULL,
  redactions INTEGER NOT NULL, injected_ids TEXT NOT NULL);
CREATE UNIQUE INDEX turn_session ON turn(session_id, seq);
CREATE UNIQUE INDEX turn_external ON turn(session_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX turn_scope ON turn(scope_id);
CREATE TABLE segment(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  scope_id INTEGER NOT NULL REFERENCES scope(id),
  session_id INTEGER NOT NULL REFERENCES session(id),
  opened_at INTEGER NOT NULL, closed_at INTEGER, reason TEXT NOT NULL, title TEXT NOT NULL,
  episode TEXT NOT NULL, deriver TEXT NOT NULL, tokens INTEGER NOT NULL);
CREATE INDEX segment_scope ON segment(scope_id);
CREATE INDEX segment_open ON segment(session_id) WHERE closed_at IS NULL;
CREATE INDEX segment_session ON segment(session_id);
CREATE TABLE source(
  derived_kind TEXT NOT NULL, derived_id INTEGER NOT NULL,
  turn_id INTEGER NOT NULL REFERENCES turn(id), span_from INTEGER, span_to INTEGER,
  PRIMARY KEY(derived_kind, derived_id, turn_id)) WITHOUT ROWID;
CREATE INDEX source_turn ON source(turn_id);
CREATE TABLE event(
  id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL,
  op TEXT NOT NULL, kind TEXT NOT NULL, first_id INTEGER NOT NULL, last_id INTEGER NOT NULL,
  reason TEXT NOT NULL, prev_hash TEXT NOT NULL, hash TEXT NOT NULL);
CREATE INDEX event_item ON event(kind, first_id);
CREATE TABLE tombstone(
  scope_id INTEGER NOT NULL, content_mac TEXT NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY(scope_id, content_mac)) WITHOUT ROWID;
CREATE VIRTUAL TABLE fts_turn USING fts5(
  own, content='', columnsize=0, tokenize='porter unicode61');
INSERT INTO meta VALUES('generation', 1), ('mac_key', lower(hex(randomblob(32)))),
  ('scrub_pending', 0);
)sql";

// Vectors of turns: signed bytes of unit length times 127 at most, by who made them.
constexpr const char* kFormat2 = R"sql(
CREATE TABLE embedder(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE embedding(
  embedder_id INTEGER NOT NULL REFERENCES embedder(id),
  turn_id INTEGER NOT NULL REFERENCES turn(id), vector BLOB NOT NULL,
  PRIMARY KEY(embedder_id, turn_id)) WITHOUT ROWID;
CREATE INDEX embedding_turn ON embedding(turn_id);
)sql";

constexpr const char* kFormat3 = R"sql(
CREATE TABLE fact(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  scope_id INTEGER NOT NULL REFERENCES scope(id), turn_id INTEGER NOT NULL REFERENCES turn(id),
  subject TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, text TEXT NOT NULL,
  valid_from INTEGER NOT NULL, closed_at INTEGER, tier INTEGER NOT NULL, status INTEGER NOT NULL,
  superseded_by INTEGER NOT NULL, deriver TEXT NOT NULL);
CREATE INDEX fact_key ON fact(scope_id, subject, key);
CREATE INDEX fact_turn ON fact(turn_id);
INSERT INTO meta VALUES('facts_missing', (SELECT count(*) FROM turn));
)sql";

// Turns that were corrected or withdrawn (by_turn 0), scopes that take nothing (0: all), and plans
// with what was said of them later.
constexpr const char* kFormat4 = R"sql(
CREATE TABLE amendment(
  turn_id INTEGER PRIMARY KEY REFERENCES turn(id), by_turn INTEGER NOT NULL, at INTEGER NOT NULL);
CREATE INDEX amendment_by ON amendment(by_turn);
CREATE TABLE foresight(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  scope_id INTEGER NOT NULL REFERENCES scope(id), turn_id INTEGER NOT NULL REFERENCES turn(id),
  kind INTEGER NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL, words TEXT NOT NULL,
  said_at INTEGER NOT NULL, valid_from INTEGER NOT NULL, valid_to INTEGER, deriver TEXT NOT NULL);
CREATE INDEX foresight_scope ON foresight(scope_id);
CREATE INDEX foresight_turn ON foresight(turn_id);
UPDATE meta SET value = (SELECT count(*) FROM turn) WHERE key = 'facts_missing';
CREATE TABLE pause(scope_id INTEGER PRIMARY KEY, since INTEGER NOT NULL);
)sql";

// A file holds one tenant, see tenants.h: programs that would mix them stay out.
constexpr const char* kFormat5 = "";

// Minutes east of UTC where a turn was said. Of facts said often only those that hold are read;
// what they are is read anew.
constexpr const char* kFormat6 = R"sql(
ALTER TABLE turn ADD COLUMN said_offset INTEGER NOT NULL DEFAULT 0;
DROP INDEX fact_key;
CREATE INDEX fact_key ON fact(scope_id, subject, key, valid_from, turn_id);
CREATE INDEX fact_open ON fact(scope_id, subject, key, status) WHERE status <> 2;
UPDATE meta SET value = (SELECT count(*) FROM turn) WHERE key = 'facts_missing';
)sql";

// What a model makes of cells, and of scenes of just these cells (",3,7,"). What facts are is read
// anew.
constexpr const char* kFormat7 = R"sql(
CREATE TABLE profile_item(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  scope_id INTEGER NOT NULL REFERENCES scope(id), cell_id INTEGER NOT NULL,
  kind INTEGER NOT NULL, subject TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL,
  status INTEGER NOT NULL, at INTEGER NOT NULL, deriver TEXT NOT NULL);
CREATE INDEX profile_item_scope ON profile_item(scope_id);
CREATE INDEX profile_item_cell ON profile_item(cell_id);
CREATE TABLE scene_note(
  id INTEGER PRIMARY KEY AUTOINCREMENT, cells TEXT NOT NULL UNIQUE, summary TEXT NOT NULL,
  at INTEGER NOT NULL);
UPDATE meta SET value = (SELECT count(*) FROM turn) WHERE key = 'facts_missing';
)sql";

// Entry i leads from format i to format i + 1.
constexpr std::array<const char*, kStoreFormat> kMigrations = {kFormat1, kFormat2, kFormat3,
                                                               kFormat4, kFormat5, kFormat6,
                                                               kFormat7};

}  // namespace

void prepare_schema(SqlDb& db, const std::string& location) {
  int64_t format = db.number("PRAGMA user_version");
  if (format == kStoreFormat) return;
  Transaction transaction(db);
  format = db.number("PRAGMA user_version");  // another process may have been faster
  if (format > kStoreFormat) {
    fail(Code::unsupported, "the memory store " + location + " has format " +
                                std::to_string(format) + "; this program knows up to " +
                                std::to_string(kStoreFormat) +
                                ": use the newer Corvid that wrote it, or another store");
  }
  if (format < 0 || (format == 0 && db.number("SELECT count(*) FROM sqlite_schema") > 0)) {
    fail(Code::corrupt, "corrupt: " + location + ": a database, but not a memory store");
  }
  for (; format < kStoreFormat; ++format) db.execute(kMigrations[static_cast<size_t>(format)]);
  db.execute("PRAGMA application_id = " + std::to_string(kApplicationId));
  db.execute("PRAGMA user_version = " + std::to_string(kStoreFormat));
  transaction.commit();
}

}  // namespace corvid::memory
