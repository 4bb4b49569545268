// One SQLite file, memory.db, in the store's folder: a connection that writes and one that reads.

#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <thread>

#include "memory/ingest/annotate.h"
#include "memory/store.h"
#include "memory/stores/support/dump.h"
#include "memory/stores/support/facts.h"
#include "memory/stores/support/maintenance.h"
#include "memory/stores/support/rows.h"
#include "memory/stores/support/schema.h"
#include "memory/stores/support/sqlite_db.h"
#include "memory/stores/support/vectors.h"
#include "memory/stores/support/versions.h"
#include "runtime/base/check.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

constexpr int64_t kRebuildIndexTurnsMax = 20'000;  // below, a new index is cheap and surely clean

// The connection that this thread may use now, with its lock.
struct Access {
  std::unique_lock<std::recursive_mutex> lock;
  SqliteDb& db;
};

class SqliteStore final : public Store {
 public:
  SqliteStore(std::string_view location, Durability durability);

  void write(const std::function<void()>& body) override { transact(body, true); }
  void try_out(const std::function<void()>& body) override { transact(body, false); }
  ScopeId put_scope(const Scope& scope) override;
  std::vector<ScopeId> find_scopes(const ScopeFilter& filter) const override;
  std::vector<ScopeId> all_scopes() const override {
    const Access use = access();
    Statement find(use.db, "SELECT id FROM scope ORDER BY id");
    std::vector<ScopeId> ids;
    while (find.step()) ids.push_back(find.integer(0));
    return ids;
  }
  SessionRow put_session(ScopeId scope, const std::string& name, SessionKind kind) override;
  std::optional<SessionRow> find_session(ScopeId scope, std::string_view name) const override;
  TurnId add_turn(Turn& turn) override;
  std::optional<Turn> turn(TurnId id) const override;
  std::optional<Turn> find_external(int64_t session_key, std::string_view id) const override;
  std::vector<TurnId> session_turns(int64_t session_key) const override;
  std::optional<TurnId> last_turn(int64_t session_key) const override;
  void erase_turn(const Turn& turn) override;
  void for_each_turn(std::span<const ScopeId> scopes, TurnId after,
                     const std::function<void(const TurnSummary&)>& visit) const override;
  void for_each_text(std::span<const ScopeId> scopes,
                     const std::function<void(const Turn&)>& visit) const override;
  std::vector<TermCount> match(std::string_view term) const override;
  void put_vector(TurnId turn, std::string_view embedder,
                  std::span<const int8_t> vector) override {
    const Access use = access();
    memory::put_vector(use.db, turn, embedder, vector);
  }
  void for_each_vector(
      std::span<const ScopeId> scopes, std::string_view embedder, TurnId after,
      const std::function<void(TurnId, std::span<const int8_t>)>& visit) const override {
    const Access use = access();
    memory::for_each_vector(use.db, {id_list(scopes), embedder, after}, visit);
  }
  std::vector<TurnId> without_vector(std::string_view embedder, int limit) const override {
    const Access use = access();
    return memory::without_vector(use.db, embedder, limit);
  }
  void erase_vectors() override {
    const Access use = access();
    use.db.execute("DELETE FROM embedding; DELETE FROM embedder;");
  }
  int64_t generation() const override;
  void raise_generation() override;
  CellId put_cell(const MemCell& cell) override;
  void add_cell_turn(CellId cell, TurnId turn) override;
  std::optional<MemCell> cell(CellId id) const override;
  std::vector<MemCell> cells(std::span<const ScopeId> scopes, int limit) const override;
  std::optional<CellId> open_cell(int64_t session_key) const override;
  std::vector<CellId> cells_of_turn(TurnId id) const override;
  void erase_cell(CellId id) override;
  FactId put_fact(const Fact& fact) override {
    const Access use = access();
    return memory::put_fact(use.db, fact);
  }
  std::optional<Fact> fact(FactId id) const override {
    const Access use = access();
    return memory::find_fact(use.db, id);
  }
  std::vector<Fact> facts(std::span<const ScopeId> scopes, int limit) const override {
    const Access use = access();
    return memory::find_facts(use.db, id_list(scopes), limit);
  }
  std::vector<Fact> facts_of_turn(TurnId id) const override {
    const Access use = access();
    return memory::facts_of_turn(use.db, id);
  }
  std::vector<Fact> rivals(const Fact& fact) const override {
    const Access use = access();
    return memory::find_rivals(use.db, fact);
  }
  void erase_facts() override {
    const Access use = access();
    use.db.execute("DELETE FROM fact");
  }
  void put_foresight(const Foresight& foresight) override {
    const Access use = access();
    memory::put_foresight(use.db, foresight);
  }
  std::vector<Foresight> foresights(std::span<const ScopeId> scopes) const override {
    const Access use = access();
    return memory::find_foresights(use.db, id_list(scopes));
  }
  void erase_foresights() override {
    const Access use = access();
    use.db.execute("DELETE FROM foresight");
  }
  void erase_foresights_of(TurnId turn) override {
    const Access use = access();
    Statement(use.db, "DELETE FROM foresight WHERE turn_id = ?").bind(1, turn).run();
  }
  bool lacks_facts() const override {
    return access().db.number("SELECT value FROM meta WHERE key = 'facts_missing'") != 0;
  }
  void set_lacks_facts(bool lacks) override {
    const Access use = access();
    Statement set(use.db, "UPDATE meta SET value = ? WHERE key = 'facts_missing'");
    set.bind(1, int64_t{lacks}).run();
  }
  void put_amendment(TurnId turn, TurnId by, Time at) override {
    const Access use = access();
    memory::put_amendment(use.db, turn, by, at);
  }
  std::optional<TurnId> amended_by(TurnId turn) const override {
    const Access use = access();
    return memory::amended_by(use.db, turn);
  }
  std::vector<TurnId> versions_of(TurnId turn) const override {
    const Access use = access();
    return memory::versions_of(use.db, turn);
  }
  void erase_facts_of(TurnId turn) override {
    const Access use = access();
    Statement(use.db, "DELETE FROM fact WHERE turn_id = ?").bind(1, turn).run();
  }
  void set_paused(ScopeId scope, bool paused, Time since) override {
    const Access use = access();
    memory::set_paused(use.db, scope, paused, since);
  }
  bool is_paused(ScopeId scope) const override {
    const Access use = access();
    return memory::is_paused(use.db, scope);
  }
  void for_each_row(const std::function<void(const Json&)>& visit) const override {
    const Access use = access();
    memory::for_each_row(use.db, visit);
  }
  void put_row(const Json& line) override {
    const Access use = access();
    memory::put_row(use.db, line);
  }
  void make_index_anew() override {
    const Access use = access();
    memory::make_index_anew(use.db);
  }
  void add_event(const Event& event) override;
  std::vector<Event> events(std::string_view kind, int64_t id) const override;
  std::string mac_key() const override;
  void add_tombstone(ScopeId scope, std::string_view mac, Time at) override;
  bool has_tombstone(ScopeId scope, std::string_view mac) const override;
  bool scrub() override;
  MemoryStats stats() const override;
  std::vector<std::string> verify() const override;

 private:
  Access access() const;
  void transact(const std::function<void()>& body, bool keeps);

  std::string location_;
  std::filesystem::path file_;  // "" in memory
  std::unique_ptr<SqliteDb> writer_;
  std::unique_ptr<SqliteDb> reader_;  // null in memory: the writer serves both
  mutable std::recursive_mutex writer_mutex_;
  mutable std::recursive_mutex reader_mutex_;
  std::atomic<std::thread::id> writing_{};  // the thread inside write()
};

SqliteStore::SqliteStore(std::string_view location, Durability durability) : location_(location) {
  std::string path = ":memory:";
  if (location != path) {
    std::error_code error;
    const std::filesystem::path folder(location_);
    if (std::filesystem::create_directories(folder, error)) {
      std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    }
    if (!std::filesystem::is_directory(folder)) {
      fail(Code::io, "the memory store " + location_ + " is not a folder and cannot be made");
    }
    file_ = folder / "memory.db";
    path = file_.string();
  }
  writer_ = std::make_unique<SqliteDb>(path, durability == Durability::full);
  prepare_schema(*writer_, location_);
  if (file_.empty()) return;
  ::chmod(path.c_str(), 0600);
  reader_ = std::make_unique<SqliteDb>(path, durability == Durability::full);
  reader_->execute("PRAGMA query_only = ON");
  if (writer_->number("SELECT value FROM meta WHERE key = 'scrub_pending'") != 0) scrub();
}

Access SqliteStore::access() const {
  if (reader_ == nullptr || writing_.load() == std::this_thread::get_id()) {
    return {std::unique_lock(writer_mutex_), *writer_};
  }
  return {std::unique_lock(reader_mutex_), *reader_};
}

void SqliteStore::transact(const std::function<void()>& body, bool keeps) {
  const std::unique_lock lock(writer_mutex_);
  CHECK(writing_.load() == std::thread::id());
  Transaction transaction(*writer_);
  struct Mark {
    std::atomic<std::thread::id>& writing;
    explicit Mark(std::atomic<std::thread::id>& flag) : writing(flag) {
      writing = std::this_thread::get_id();
    }
    ~Mark() { writing = std::thread::id(); }
  } const mark(writing_);
  body();
  if (keeps) transaction.commit();
}

ScopeId SqliteStore::put_scope(const Scope& scope) {
  const Access use = access();
  Statement find(use.db,
                 "SELECT id FROM scope WHERE tenant = ? AND user = ? AND project = ?"
                 " AND session_parent = ?");
  find.bind(1, scope.tenant).bind(2, scope.user).bind(3, scope.project).bind(4, scope.session);
  if (find.step()) return find.integer(0);
  Statement add(use.db,
                "INSERT INTO scope(tenant, user, project, session_parent, kind, created)"
                " VALUES(?, ?, ?, ?, ?, unixepoch() * 1000)");
  add.bind(1, scope.tenant).bind(2, scope.user).bind(3, scope.project).bind(4, scope.session);
  add.bind(5, std::string_view(scope.session.empty() ? "project" : "session")).run();
  return use.db.last_id();
}

std::vector<ScopeId> SqliteStore::find_scopes(const ScopeFilter& filter) const {
  const Access use = access();
  Statement find(use.db,
                 "SELECT id FROM scope WHERE tenant = ?1 AND user = ?2 AND (?5 OR (project = ?3"
                 " AND session_parent IN ('', ?4))) ORDER BY id");
  const Scope& scope = filter.scope;
  find.bind(1, scope.tenant).bind(2, scope.user).bind(3, scope.project).bind(4, scope.session);
  find.bind(5, int64_t{filter.all_projects});
  std::vector<ScopeId> ids;
  while (find.step()) ids.push_back(find.integer(0));
  return ids;
}

SessionRow SqliteStore::put_session(ScopeId scope, const std::string& name, SessionKind kind) {
  if (std::optional<SessionRow> row = find_session(scope, name)) return *row;
  const Access use = access();
  Statement add(use.db,
                "INSERT INTO session(scope_id, name, kind, created)"
                " VALUES(?, ?, ?, unixepoch() * 1000)");
  add.bind(1, scope).bind(2, name).bind(3, static_cast<int64_t>(kind)).run();
  return {use.db.last_id(), scope, name, kind};
}

std::optional<SessionRow> SqliteStore::find_session(ScopeId scope, std::string_view name) const {
  const Access use = access();
  Statement find(use.db, "SELECT id, kind FROM session WHERE scope_id = ? AND name = ?");
  find.bind(1, scope).bind(2, name);
  if (!find.step()) return std::nullopt;
  return SessionRow{find.integer(0), scope, std::string(name),
                    static_cast<SessionKind>(find.integer(1))};
}

TurnId SqliteStore::add_turn(Turn& turn) {
  const Access use = access();
  Statement last(use.db, "SELECT max(seq) FROM turn WHERE session_id = ?");
  turn.seq = last.bind(1, turn.session_key).step() && !last.is_null(0) ? last.integer(0) + 1 : 0;
  Statement add(use.db,
                "INSERT INTO turn(scope_id, session_id, seq, external_id, role, speaker, channel,"
                " tier, said_at, learnt_at, text, bytes_full, sha256, words, features, redactions,"
                " injected_ids) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  add.bind(1, turn.scope).bind(2, turn.session_key).bind(3, turn.seq);
  turn.external_id.empty() ? add.bind_null(4) : add.bind(4, turn.external_id);
  add.bind(5, turn.role).bind(6, turn.speaker).bind(7, turn.channel);
  add.bind(8, static_cast<int64_t>(turn.tier)).bind(9, to_ms(turn.said_at));
  add.bind(10, to_ms(turn.learnt_at)).bind(11, turn.text).bind(12, turn.bytes_full);
  add.bind(13, turn.sha256).bind(14, turn.words).bind(15, int64_t{turn.features});
  add.bind(16, turn.redactions).bind(17, id_list(turn.injected_ids)).run();
  turn.id = use.db.last_id();
  Statement index(use.db, "INSERT INTO fts_turn(rowid, own) VALUES(?, ?)");
  index.bind(1, turn.id).bind(2, indexed_text(turn)).run();
  return turn.id;
}

std::optional<Turn> SqliteStore::turn(TurnId id) const {
  const Access use = access();
  static const std::string kSql = std::string("SELECT ") + kTurnColumns + "WHERE t.id = ?";
  Statement find(use.db, kSql);
  if (!find.bind(1, id).step()) return std::nullopt;
  return read_turn(find);
}

std::optional<Turn> SqliteStore::find_external(int64_t session_key, std::string_view id) const {
  const Access use = access();
  static const std::string kSql =
      std::string("SELECT ") + kTurnColumns + "WHERE t.session_id = ? AND t.external_id = ?";
  Statement find(use.db, kSql);
  if (!find.bind(1, session_key).bind(2, id).step()) return std::nullopt;
  return read_turn(find);
}

std::vector<TurnId> SqliteStore::session_turns(int64_t session_key) const {
  const Access use = access();
  Statement find(use.db, "SELECT id FROM turn WHERE session_id = ? ORDER BY seq");
  find.bind(1, session_key);
  std::vector<TurnId> ids;
  while (find.step()) ids.push_back(find.integer(0));
  return ids;
}

std::optional<TurnId> SqliteStore::last_turn(int64_t session_key) const {
  const Access use = access();
  Statement find(use.db, "SELECT id FROM turn WHERE session_id = ? ORDER BY seq DESC LIMIT 1");
  if (!find.bind(1, session_key).step()) return std::nullopt;
  return find.integer(0);
}

void SqliteStore::erase_turn(const Turn& turn) {
  const Access use = access();
  use.db.execute("UPDATE meta SET value = 1 WHERE key = 'scrub_pending'");
  Statement index(use.db, "INSERT INTO fts_turn(fts_turn, rowid, own) VALUES('delete', ?, ?)");
  index.bind(1, turn.id).bind(2, indexed_text(turn)).run();
  memory::erase_amendments(use.db, turn.id);
  Statement(use.db, "DELETE FROM foresight WHERE turn_id = ?").bind(1, turn.id).run();
  Statement(use.db, "DELETE FROM fact WHERE turn_id = ?").bind(1, turn.id).run();
  Statement(use.db, "DELETE FROM embedding WHERE turn_id = ?").bind(1, turn.id).run();
  Statement(use.db, "DELETE FROM source WHERE turn_id = ?").bind(1, turn.id).run();
  Statement(use.db, "DELETE FROM turn WHERE id = ?").bind(1, turn.id).run();
}

void SqliteStore::for_each_turn(std::span<const ScopeId> scopes, TurnId after,
                                const std::function<void(const TurnSummary&)>& visit) const {
  if (scopes.empty()) return;
  const Access use = access();
  Statement find(use.db,
                 "SELECT id, session_id, tier, said_at, words, features, speaker, role FROM turn"
                 " WHERE id > ?1 AND scope_id IN (SELECT value FROM json_each(?2))"
                 " AND id NOT IN (SELECT turn_id FROM amendment) ORDER BY id");
  find.bind(1, after).bind(2, "[" + id_list(scopes) + "]");
  while (find.step()) {
    visit({.id = find.integer(0),
           .session_key = find.integer(1),
           .tier = static_cast<Tier>(find.integer(2)),
           .said_at = Time(std::chrono::milliseconds(find.integer(3))),
           .words = static_cast<int32_t>(find.integer(4)),
           .features = static_cast<uint32_t>(find.integer(5)),
           .speaker = find.text(6),
           .role = find.text(7)});
  }
}

void SqliteStore::for_each_text(std::span<const ScopeId> scopes,
                                const std::function<void(const Turn&)>& visit) const {
  const Access use = access();
  static const std::string kSql = std::string("SELECT ") + kTurnColumns +
                                  "WHERE t.scope_id IN (SELECT value FROM json_each(?1))"
                                  " ORDER BY t.id";
  Statement find(use.db, kSql);
  find.bind(1, "[" + id_list(scopes) + "]");
  while (find.step()) visit(read_turn(find));
}

std::vector<TermCount> SqliteStore::match(std::string_view term) const {
  std::string query = "\"";
  for (const char c : term) query += c == '"' || c == '\0' ? ' ' : c;
  query += '"';
  const Access use = access();
  Statement find(use.db,
                 "SELECT rowid, corvid_count(fts_turn) FROM fts_turn WHERE fts_turn MATCH ?");
  find.bind(1, query);
  std::vector<TermCount> hits;
  while (find.step()) hits.push_back({find.integer(0), static_cast<int32_t>(find.integer(1))});
  return hits;
}

int64_t SqliteStore::generation() const {
  return access().db.number("SELECT value FROM meta WHERE key = 'generation'");
}

void SqliteStore::raise_generation() {
  access().db.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'");
}

CellId SqliteStore::put_cell(const MemCell& cell) {
  const Access use = access();
  Statement put(use.db,
                "INSERT OR REPLACE INTO segment(id, scope_id, session_id, opened_at, closed_at,"
                " reason, title, episode, deriver, tokens) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  cell.id == 0 ? put.bind_null(1) : put.bind(1, cell.id);
  put.bind(2, cell.scope).bind(3, cell.session_key).bind(4, to_ms(cell.opened_at));
  cell.is_open ? put.bind_null(5) : put.bind(5, to_ms(cell.closed_at));
  put.bind(6, cell.reason).bind(7, cell.title).bind(8, cell.episode).bind(9, cell.deriver);
  put.bind(10, cell.tokens).run();
  const CellId id = cell.id == 0 ? use.db.last_id() : cell.id;
  if (cell.id != 0) {
    Statement(use.db, "DELETE FROM source WHERE derived_kind = 'cell' AND derived_id = ?")
        .bind(1, id)
        .run();
  }
  for (const TurnId turn : cell.turns) add_cell_turn(id, turn);
  return id;
}

void SqliteStore::add_cell_turn(CellId cell, TurnId turn) {
  const Access use = access();
  Statement add(use.db,
                "INSERT OR IGNORE INTO source(derived_kind, derived_id, turn_id)"
                " VALUES('cell', ?, ?)");
  add.bind(1, cell).bind(2, turn).run();
}

std::optional<MemCell> SqliteStore::cell(CellId id) const {
  const Access use = access();
  static const std::string kSql = std::string(kCellColumns) + "WHERE c.id = ?";
  Statement find(use.db, kSql);
  if (!find.bind(1, id).step()) return std::nullopt;
  return read_cell(find, use.db);
}

std::vector<MemCell> SqliteStore::cells(std::span<const ScopeId> scopes, int limit) const {
  const Access use = access();
  static const std::string kSql =
      std::string(kCellColumns) +
      "WHERE c.scope_id IN (SELECT value FROM json_each(?1)) ORDER BY c.id DESC LIMIT ?2";
  Statement find(use.db, kSql);
  find.bind(1, "[" + id_list(scopes) + "]").bind(2, limit);
  std::vector<MemCell> cells;
  while (find.step()) cells.push_back(read_cell(find, use.db));
  return cells;
}

std::optional<CellId> SqliteStore::open_cell(int64_t session_key) const {
  const Access use = access();
  Statement find(use.db, "SELECT id FROM segment WHERE session_id = ? AND closed_at IS NULL");
  if (!find.bind(1, session_key).step()) return std::nullopt;
  return find.integer(0);
}

std::vector<CellId> SqliteStore::cells_of_turn(TurnId id) const {
  const Access use = access();
  Statement find(use.db,
                 "SELECT derived_id FROM source WHERE turn_id = ? AND derived_kind = 'cell'"
                 " ORDER BY derived_id");
  find.bind(1, id);
  std::vector<CellId> ids;
  while (find.step()) ids.push_back(find.integer(0));
  return ids;
}

void SqliteStore::erase_cell(CellId id) {
  const Access use = access();
  Statement(use.db, "DELETE FROM source WHERE derived_kind = 'cell' AND derived_id = ?")
      .bind(1, id)
      .run();
  Statement(use.db, "DELETE FROM segment WHERE id = ?").bind(1, id).run();
}

void SqliteStore::add_event(const Event& event) {
  const Access use = access();
  std::string prev;
  {
    Statement last(use.db, "SELECT hash FROM event ORDER BY id DESC LIMIT 1");
    if (last.step()) prev = last.text(0);
  }
  Statement add(use.db,
                "INSERT INTO event(at, actor, op, kind, first_id, last_id, reason, prev_hash, hash)"
                " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
  add.bind(1, to_ms(event.at)).bind(2, event.actor).bind(3, event.op).bind(4, event.kind);
  add.bind(5, event.first_id).bind(6, event.last_id).bind(7, event.reason).bind(8, prev);
  add.bind(9, event_hash(prev, event)).run();
}

std::vector<Event> SqliteStore::events(std::string_view kind, int64_t id) const {
  const Access use = access();
  Statement find(use.db,
                 "SELECT id, at, actor, op, kind, first_id, last_id, reason FROM event"
                 " WHERE kind = ?1 AND first_id <= ?2 AND last_id >= ?2 ORDER BY id");
  find.bind(1, kind).bind(2, id);
  std::vector<Event> events;
  while (find.step()) events.push_back(read_event(find));
  return events;
}

std::string SqliteStore::mac_key() const {
  const Access use = access();
  Statement find(use.db, "SELECT value FROM meta WHERE key = 'mac_key'");
  if (!find.step()) fail(Code::corrupt, "corrupt: " + location_ + ": no key for tombstones");
  return std::string(find.text(0));
}

void SqliteStore::add_tombstone(ScopeId scope, std::string_view mac, Time at) {
  const Access use = access();
  Statement add(use.db, "INSERT OR IGNORE INTO tombstone VALUES(?, ?, ?, 'forget')");
  add.bind(1, scope).bind(2, mac).bind(3, to_ms(at)).run();
}

bool SqliteStore::has_tombstone(ScopeId scope, std::string_view mac) const {
  const Access use = access();
  Statement find(use.db, "SELECT 1 FROM tombstone WHERE scope_id = ? AND content_mac = ?");
  return find.bind(1, scope).bind(2, mac).step();
}

bool SqliteStore::scrub() {
  const std::unique_lock writer(writer_mutex_);
  const std::unique_lock reader(reader_mutex_);
  {
    Transaction transaction(*writer_);
    writer_->execute("DELETE FROM session WHERE id NOT IN (SELECT session_id FROM turn)");
    // FTS5 keeps words of deleted rows in old segments until they are merged.
    if (writer_->number("SELECT count(*) FROM turn") <= kRebuildIndexTurnsMax) {
      memory::make_index_anew(*writer_);
    } else {
      writer_->execute("INSERT INTO fts_turn(fts_turn) VALUES('optimize')");
    }
    transaction.commit();
  }
  // Pages may keep stale copies of cells in their slack; a new file does not.
  if (!writer_->try_execute("VACUUM") || !writer_->try_empty_wal()) return false;
  writer_->execute("UPDATE meta SET value = 0 WHERE key = 'scrub_pending'");
  return true;
}

MemoryStats SqliteStore::stats() const {
  const Access use = access();
  MemoryStats stats;
  stats.scopes = use.db.number("SELECT count(*) FROM scope");
  stats.sessions = use.db.number("SELECT count(*) FROM session");
  stats.turns = use.db.number("SELECT count(*) FROM turn");
  stats.cells = use.db.number("SELECT count(*) FROM segment");
  stats.events = use.db.number("SELECT count(*) FROM event");
  stats.tombstones = use.db.number("SELECT count(*) FROM tombstone");
  stats.facts = use.db.number("SELECT count(*) FROM fact");
  stats.foresights = use.db.number("SELECT count(*) FROM foresight WHERE kind = 0");
  stats.vectors = use.db.number("SELECT count(*) FROM embedding");
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

std::vector<std::string> SqliteStore::verify() const {
  // On the writer's connection, because the comparison needs a temporary table.
  const std::unique_lock lock(writer_mutex_);
  std::vector<std::string> problems;
  check_pages(*writer_, problems);
  check_rows(*writer_, problems);
  check_index(*writer_, problems);
  return problems;
}

}  // namespace

std::unique_ptr<Store> make_sqlite(std::string_view location, Durability durability) {
  return std::make_unique<SqliteStore>(location, durability);
}

}  // namespace corvid::memory
