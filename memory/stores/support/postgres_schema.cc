#include "memory/stores/support/postgres_schema.h"

#include <array>

#include "runtime/base/error.h"

namespace corvid::memory {
namespace {

// Tables that hold what people said, or words of it.
constexpr const char* kContentTables[] = {"session",   "turn",         "segment",    "source",
                                          "fact",      "foresight",    "embedding",  "word",
                                          "profile_item", "scene_note"};
constexpr int kRewritesMax = 3;  // while others write

// The tables are those of schema.cc, with `tenant_id` in front of every key: ids, the key of
// tombstones, the chain of events and the generation are each tenant's own, as in a file of its
// own. sqlite_sequence keeps the last ids, under the name that exports know it by. Columns that
// hold content have no statistics, because those would quote it after it was forgotten.
constexpr const char* kLayout1 = R"sql(
CREATE TABLE layout(version int NOT NULL);
INSERT INTO layout VALUES(0);
CREATE TABLE tenant(id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE FUNCTION tenant_id() RETURNS int LANGUAGE sql STABLE AS
  $$ SELECT pg_catalog.current_setting('corvid.tenant_id')::int $$;
CREATE TABLE meta(
  tenant_id int NOT NULL DEFAULT corvid.tenant_id(), key text NOT NULL, value text,
  PRIMARY KEY(tenant_id, key));
CREATE TABLE sqlite_sequence(
  tenant_id int NOT NULL DEFAULT corvid.tenant_id(), name text COLLATE "C" NOT NULL,
  seq bigint NOT NULL, PRIMARY KEY(tenant_id, name)) WITH (fillfactor = 50);
CREATE TABLE scope(
  tenant_id int NOT NULL DEFAULT corvid.tenant_id(), id bigint NOT NULL, tenant text NOT NULL,
  "user" text NOT NULL, project text NOT NULL, session_parent text NOT NULL, kind text NOT NULL,
  created bigint NOT NULL, PRIMARY KEY(tenant_id, id),
  UNIQUE(tenant_id, tenant, "user", project, session_parent));
CREATE TABLE session(
  tenant_id int NOT NULL DEFAULT corvid.tenant_id(), id bigint NOT NULL, scope_id bigint NOT NULL,
  name text NOT NULL, kind bigint NOT NULL, created bigint NOT NULL, PRIMARY KEY(tenant_id, id),
  UNIQUE(tenant_id, scope_id, name),
  FOREIGN KEY(tenant_id, scope_id) REFERENCES scope(tenant_id, id));
CREATE TABLE turn(
  tenant_id int NOT NULL DEFAULT corvid.tenant_id(), id bigint NOT NULL, scope_id bigint NOT NULL,
  session_id bigint NOT NULL, seq bigint NOT NULL, external_id text, role text NOT NULL,
  speaker text NOT NULL, channel text NOT NULL, tier bigint NOT NULL, said_at bigint NOT NULL,
  learnt_at bigint NOT NULL, text text NOT NULL, bytes_full bigint NOT NULL, sha256 text NOT NULL,
  words bigint NOT NULL, features bigint NOT NULL, redactions bigint NOT NULL,
  injected_ids text NOT NULL, PRIMARY KEY(tenant_id, id), UNIQUE(tenant_id, session_id, seq),
  FOREIGN KEY(tenant_id, scope_id) REFERENCES scope(tenant_id, id),
  FOREIGN KEY(tenant_id, session_id) REFERENCES session(tenant_id, id));
CREATE UNIQUE INDEX turn_external ON turn(tenant_id, session_id, external_id)
  WHERE external_id IS NOT NULL;
CREATE TABLE segment(
  tenant_id int NOT NULL DEFAULT corvid.tenant_id(), id bigint NOT NULL, scope_id bigint NOT NULL,
  session_id bigint NOT NULL, opened_at bigint NOT NULL, closed_at bigint, reason text NOT NULL,
  title text NOT NULL, episode text NOT NULL, deriver text NOT NULL, tokens bigint NOT NULL,
  PRIMARY KEY(tenant_id, id),
  FOREIGN KEY(tenant_id, scope_id) REFERENCES scope(tenant_id, id),
  FOREIGN KEY(tenant_id, session_id) REFERENCES session(tenant_id, id));
CREATE INDEX segment_session ON segment(tenant_id, session_id);
CREATE TABLE source(
  tenant_id int NOT NULL DEFAULT corvid.tenant_id(), derived_kind text COLLATE "C" NOT NULL,
  derived_id bigint NOT NULL, turn_id bigint NOT NULL, span_from bigint, span_to bigint,
  PRIMARY KEY(tenant_id, derived_kind, derived_id, turn_id),
  FOREIGN KEY(tenant_id, turn_id) REFERENCES turn(tenant_id, id));
CREATE INDEX source_turn ON source(tenant_id, turn_id);
CREATE TABLE event(
  tenant_id int NOT NULL DEFAULT corvid.tenant_id(), id bigint NOT NULL, at bigint NOT NULL,
  actor text NOT NULL, op text NOT NULL, kind text NOT NULL, first_id bigint NOT NULL,
  last_id bigint NOT NULL, reason text NOT NULL, prev_hash text NOT NULL, hash text NOT NULL,
  PRIMARY KEY(tenant_id, id));
CREATE INDEX event_item ON event(tenant_id, kind, first_id);
CREATE TABLE tombstone(
  tenant_id int NOT NULL DEFAULT corvid.tenant_id(), scope_id bigint NOT NULL,
  content_mac text COLLATE "C" NOT NULL, at bigint NOT NULL, reason text NOT NULL,
  PRIMARY KEY(tenant_id, scope_id, content_mac));
CREATE TABLE embedder(
  tenant_id int NOT NULL DEFAULT corvid.tenant_id(), id bigint NOT NULL, name text NOT NULL,
  PRIMARY KEY(tenant_id, id), UNIQUE(tenant_id, name));
CREATE TABLE embedding(
  tenant_id int NOT NULL DEFAULT corvid.tenant_id(), embedder_id bigint NOT NULL,
  turn_id bigint NOT NULL, vector bytea NOT NULL, PRIMARY KEY(tenant_id, embedder_id, turn_id),
  FOREIGN KEY(tenant_id, embedder_id) REFERENCES embedder(tenant_id, id),
  FOREIGN KEY(tenant_id, turn_id) REFERENCES turn(tenant_id, id));
CREATE INDEX embedding_turn ON embedding(tenant_id, turn_id);
CREATE TABLE fact(
  tenant_id int NOT NULL DEFAULT corvid.tenant_id(), id bigint NOT NULL, scope_id bigint NOT NULL,
  turn_id bigint NOT NULL, subject text NOT NULL, key text NOT NULL, value text NOT NULL,
  text text NOT NULL, valid_from bigint NOT NULL, closed_at bigint, tier bigint NOT NULL,
  status bigint NOT NULL, superseded_by bigint NOT NULL, deriver text NOT NULL,
  PRIMARY KEY(tenant_id, id), FOREIGN KEY(tenant_id, scope_id) REFERENCES scope(tenant_id, id),
  FOREIGN KEY(tenant_id, turn_id) REFERENCES turn(tenant_id, id));
CREATE INDEX fact_scope ON fact(tenant_id, scope_id);
CREATE INDEX fact_turn ON fact(tenant_id, turn_id);
CREATE TABLE amendment(
  tenant_id int NOT NULL DEFAULT corvid.tenant_id(), turn_id bigint NOT NULL,
  by_turn bigint NOT NULL, at bigint NOT NULL, PRIMARY KEY(tenant_id, turn_id),
  FOREIGN KEY(tenant_id, turn_id) REFERENCES turn(tenant_id, id));
CREATE INDEX amendment_by ON amendment(tenant_id, by_turn);
CREATE TABLE foresight(
  tenant_id int NOT NULL DEFAULT corvid.tenant_id(), id bigint NOT NULL, scope_id bigint NOT NULL,
  turn_id bigint NOT NULL, kind bigint NOT NULL, subject text NOT NULL, text text NOT NULL,
  words text NOT NULL, said_at bigint NOT NULL, valid_from bigint NOT NULL, valid_to bigint,
  deriver text NOT NULL, PRIMARY KEY(tenant_id, id),
  FOREIGN KEY(tenant_id, scope_id) REFERENCES scope(tenant_id, id),
  FOREIGN KEY(tenant_id, turn_id) REFERENCES turn(tenant_id, id));
CREATE INDEX foresight_scope ON foresight(tenant_id, scope_id);
CREATE INDEX foresight_turn ON foresight(tenant_id, turn_id);
CREATE TABLE pause(
  tenant_id int NOT NULL DEFAULT corvid.tenant_id(), scope_id bigint NOT NULL,
  since bigint NOT NULL, PRIMARY KEY(tenant_id, scope_id));
CREATE TABLE word(
  tenant_id int NOT NULL DEFAULT corvid.tenant_id(), turn_id bigint NOT NULL,
  lexemes tsvector NOT NULL, repeats jsonb, PRIMARY KEY(tenant_id, turn_id));
-- A longer list of what is not sorted in yet would be read by every search.
CREATE INDEX word_lexemes ON word USING gin(lexemes) WITH (gin_pending_list_limit = 256);

-- AUTOINCREMENT: no id is given twice, also after its row was erased.
CREATE FUNCTION give_id() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO corvid.sqlite_sequence AS s(name, seq) VALUES(TG_TABLE_NAME, coalesce(NEW.id, 1))
    ON CONFLICT ON CONSTRAINT sqlite_sequence_pkey
    DO UPDATE SET seq = greatest(s.seq, coalesce(NEW.id, s.seq + 1))
    RETURNING coalesce(NEW.id, s.seq) INTO NEW.id;
  RETURN NEW;
END $$;
CREATE FUNCTION give_next_id() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.id IS NULL THEN
    EXECUTE format('SELECT coalesce(max(id), 0) + 1 FROM corvid.%I', TG_TABLE_NAME) INTO NEW.id;
  END IF;
  RETURN NEW;
END $$;
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['turn', 'segment', 'event', 'fact', 'foresight'] LOOP
    EXECUTE format('CREATE TRIGGER give_id BEFORE INSERT ON %I FOR EACH ROW'
                   ' EXECUTE FUNCTION give_id()', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['scope', 'session', 'embedder'] LOOP
    EXECUTE format('CREATE TRIGGER give_id BEFORE INSERT ON %I FOR EACH ROW'
                   ' EXECUTE FUNCTION give_next_id()', name);
  END LOOP;
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'corvid'
      AND tablename NOT IN ('layout', 'tenant') LOOP
    EXECUTE format('CREATE POLICY tenant ON %I USING (tenant_id = corvid.tenant_id())', name);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
  END LOOP;
END $$;
-- Behind a policy the planner would not use the index: @@ is not leakproof. Whoever owns the table
-- asks with the tenant's number in the lexeme.
ALTER TABLE word NO FORCE ROW LEVEL SECURITY;
ALTER TABLE session ALTER name SET STATISTICS 0;
ALTER TABLE turn ALTER external_id SET STATISTICS 0, ALTER speaker SET STATISTICS 0,
  ALTER text SET STATISTICS 0, ALTER sha256 SET STATISTICS 0;
ALTER TABLE segment ALTER title SET STATISTICS 0, ALTER episode SET STATISTICS 0;
ALTER TABLE embedding ALTER vector SET STATISTICS 0;
ALTER TABLE fact ALTER subject SET STATISTICS 0, ALTER key SET STATISTICS 0,
  ALTER value SET STATISTICS 0, ALTER text SET STATISTICS 0;
ALTER TABLE foresight ALTER subject SET STATISTICS 0, ALTER text SET STATISTICS 0,
  ALTER words SET STATISTICS 0;
ALTER TABLE word ALTER lexemes SET STATISTICS 0, ALTER repeats SET STATISTICS 0;
)sql";

// Rivals are found by a hash, because a key of any length fits no index. The index is used behind
// the policy, as comparing numbers is leakproof.
constexpr const char* kLayout2 = R"sql(
ALTER TABLE fact ADD COLUMN key_hash bigint
  GENERATED ALWAYS AS (hashtextextended(subject || '/' || key, 0)) STORED;
ALTER TABLE fact ALTER key_hash SET STATISTICS 0;
CREATE INDEX fact_key ON fact(tenant_id, scope_id, key_hash);
)sql";

// Minutes east of UTC where a turn was said. Of facts said often only those that hold are read;
// what they are is read anew, of every tenant.
constexpr const char* kLayout3 = R"sql(
ALTER TABLE turn ADD COLUMN said_offset bigint NOT NULL DEFAULT 0;
DROP INDEX fact_key;
CREATE INDEX fact_key ON fact(tenant_id, scope_id, key_hash, valid_from, turn_id);
CREATE INDEX fact_open ON fact(tenant_id, scope_id, key_hash, status) WHERE status <> 2;
ALTER TABLE meta NO FORCE ROW LEVEL SECURITY;
UPDATE meta SET value = '1' WHERE key = 'facts_missing';
ALTER TABLE meta FORCE ROW LEVEL SECURITY;
)sql";

// What a model makes of cells, as in kFormat7 of schema.cc. What facts are is read anew, of every
// tenant.
constexpr const char* kLayout4 = R"sql(
CREATE TABLE profile_item(
  tenant_id int NOT NULL DEFAULT corvid.tenant_id(), id bigint NOT NULL, scope_id bigint NOT NULL,
  cell_id bigint NOT NULL, kind bigint NOT NULL, subject text NOT NULL, key text NOT NULL,
  text text NOT NULL, status bigint NOT NULL, at bigint NOT NULL, deriver text NOT NULL,
  PRIMARY KEY(tenant_id, id), FOREIGN KEY(tenant_id, scope_id) REFERENCES scope(tenant_id, id));
CREATE INDEX profile_item_cell ON profile_item(tenant_id, cell_id);
CREATE TABLE scene_note(
  tenant_id int NOT NULL DEFAULT corvid.tenant_id(), id bigint NOT NULL, cells text NOT NULL,
  summary text NOT NULL, at bigint NOT NULL, PRIMARY KEY(tenant_id, id),
  UNIQUE(tenant_id, cells));
ALTER TABLE profile_item ALTER subject SET STATISTICS 0, ALTER key SET STATISTICS 0,
  ALTER text SET STATISTICS 0;
ALTER TABLE scene_note ALTER summary SET STATISTICS 0;
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['profile_item', 'scene_note'] LOOP
    EXECUTE format('CREATE TRIGGER give_id BEFORE INSERT ON %I FOR EACH ROW'
                   ' EXECUTE FUNCTION corvid.give_id()', name);
    EXECUTE format('CREATE POLICY tenant ON %I USING (tenant_id = corvid.tenant_id())', name);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
  END LOOP;
END $$;
ALTER TABLE meta NO FORCE ROW LEVEL SECURITY;
UPDATE meta SET value = '1' WHERE key = 'facts_missing';
ALTER TABLE meta FORCE ROW LEVEL SECURITY;
)sql";

// Entry i leads from layout i to layout i + 1.
constexpr std::array<const char*, kPostgresLayout> kMigrations = {kLayout1, kLayout2, kLayout3,
                                                                  kLayout4};

int64_t layout_of(SqlDb& db) {
  if (db.number("SELECT count(*) FROM pg_namespace WHERE nspname = 'corvid'") == 0) return 0;
  if (db.number("SELECT count(*) FROM pg_tables WHERE schemaname = 'corvid'"
                " AND tablename = 'layout'") == 0) {
    fail(Code::corrupt, "corrupt: " + db.postgres().shown() +
                            ": its schema 'corvid' is not a memory store");
  }
  return db.number("SELECT max(version) FROM layout");
}

void prepare_layout(SqlDb& db) {
  if (db.number("SELECT count(*) FROM pg_roles WHERE rolname = current_user"
                " AND (rolsuper OR rolbypassrls)") != 0) {
    fail(Code::denied, "the memory store " + db.postgres().shown() +
                           ": row security does not bind this role, so that it would see every"
                           " tenant's memory; connect as an ordinary one (CREATE ROLE corvid LOGIN;"
                           " CREATE DATABASE corvid OWNER corvid)");
  }
  if (layout_of(db) == kPostgresLayout) return;
  Transaction transaction(db);
  // One process at a time; the lock lasts as long as the transaction.
  db.execute("SELECT pg_advisory_xact_lock(1668248182, 0)");
  int64_t layout = layout_of(db);
  if (layout > kPostgresLayout) {
    fail(Code::unsupported, "the memory store " + db.postgres().shown() + " has layout " +
                                std::to_string(layout) + "; this program knows up to " +
                                std::to_string(kPostgresLayout) +
                                ": use the newer Corvid that made it, or another store");
  }
  if (layout == 0) db.execute("CREATE SCHEMA corvid");
  for (; layout < kPostgresLayout; ++layout) db.execute(kMigrations[static_cast<size_t>(layout)]);
  db.execute("UPDATE layout SET version = " + std::to_string(kPostgresLayout));
  transaction.commit();
}

int64_t find_tenant(SqlDb& db, const std::string& name) {
  Statement find(db, "SELECT id FROM tenant WHERE name = ?");
  return find.bind(1, name).step() ? find.integer(0) : 0;
}

void see_tenant(SqlDb& db, int64_t tenant) {
  const std::string id = std::to_string(tenant);
  db.postgres().keep("SET corvid.tenant_id = '" + id + "'");
  // Writers of one tenant take turns; the class of the lock is the table's own number.
  db.postgres().set_gate("SELECT pg_advisory_xact_lock('corvid.tenant'::regclass::oid::int, " + id +
                         ")");
}

}  // namespace

int64_t open_as_tenant(SqlDb& db, const std::string& tenant) {
  prepare_layout(db);
  if (const int64_t known = find_tenant(db, tenant)) {
    see_tenant(db, known);
    return known;
  }
  Transaction transaction(db);
  Statement add(db, "INSERT INTO tenant(name) VALUES(?) ON CONFLICT DO NOTHING");
  add.bind(1, tenant).run();
  const int64_t id = find_tenant(db, tenant);
  db.execute("SET LOCAL corvid.tenant_id = '" + std::to_string(id) + "'");
  db.execute(
      "INSERT INTO meta(key, value) VALUES('generation', '1'), ('scrub_pending', '0'),"
      " ('facts_missing', '0'), ('mac_key', replace(gen_random_uuid()::text ||"
      " gen_random_uuid()::text, '-', '')) ON CONFLICT DO NOTHING");
  transaction.commit();
  see_tenant(db, id);
  return id;
}

bool rewrite_tables(SqlDb& db) {
  // Whoever began to read or write before this moment may still see what was erased.
  std::string now;
  {
    Statement current(db, "SELECT pg_current_xact_id()::xid::text");
    current.step();
    now = current.text(0);
  }
  for (const std::string table : kContentTables) {
    // After FREEZE a table notes since when nobody can see what it has left out.
    const auto is_clean = [&] {
      return db.number("SELECT count(*) FROM pg_class WHERE oid = 'corvid." + table +
                       "'::regclass AND age(relfrozenxid) <= age('" + now + "'::xid)") != 0;
    };
    for (int attempt = 0; attempt < kRewritesMax && !is_clean(); ++attempt) {
      if (!db.postgres().try_execute("VACUUM (FULL, FREEZE) " + table)) return false;
    }
    if (!is_clean()) return false;
  }
  db.execute("UPDATE meta SET value = 0 WHERE key = 'scrub_pending'");
  return true;
}

}  // namespace corvid::memory
