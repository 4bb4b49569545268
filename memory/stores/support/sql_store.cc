#include "memory/stores/support/sql_store.h"

#include <map>

#include "memory/ingest/annotate.h"
#include "memory/stores/support/dump.h"
#include "memory/stores/support/facts.h"
#include "memory/stores/support/profile.h"
#include "memory/stores/support/rows.h"
#include "memory/stores/support/vectors.h"
#include "memory/stores/support/versions.h"
#include "runtime/base/check.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"

namespace corvid::memory {

void SqlStore::renew_index() {
  constexpr const char* kForm = "SELECT value FROM meta WHERE key = 'index_form'";
  if (connection().db.number(kForm) >= kSearchedForm) return;
  write([this] {
    SqlDb& db = connection().db;
    if (db.number(kForm) >= kSearchedForm) return;  // another process may have been faster
    const std::string letters = "[\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]";
    const bool differs =
        db.number("SELECT count(*) FROM turn WHERE text " +
                  (db.is_sqlite() ? "GLOB '*" + letters + "*'" : "~ '" + letters + "'")) != 0;
    if (differs) {
      make_index_anew();
      raise_generation();
    }
    Statement put(db, db.replace("meta", "key, value"));
    put.bind(1, "index_form").bind(2, std::to_string(kSearchedForm)).run();
  });
}

SqlStore::Access SqlStore::connection() const {
  if (reader_ == nullptr || writing_.load() == std::this_thread::get_id()) {
    return {std::unique_lock(writer_mutex_), *writer_};
  }
  return {std::unique_lock(reader_mutex_), *reader_};
}

SqlStore::Whole SqlStore::both() const {
  CHECK(writing_.load() != std::this_thread::get_id());
  std::unique_lock writer(writer_mutex_);
  return {std::move(writer), std::unique_lock(reader_mutex_), *writer_};
}

void SqlStore::hold(std::unique_ptr<SqlDb> writer, std::unique_ptr<SqlDb> reader) {
  writer_ = std::move(writer);
  reader_ = std::move(reader);
}

void SqlStore::transact(const std::function<void()>& body, bool keeps) {
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

void SqlStore::check_tenant(const std::string& tenant) const {
  if (tenant == tenant_) return;
  fail(Code::invalid, "this belongs to tenant '" + tenant + "', and the store was opened for '" +
                          tenant_ + "'; name another with --tenant");
}

std::optional<ScopeId> SqlStore::find_scope(const Scope& scope) const {
  const Access use = connection();
  Statement find(use.db,
                 "SELECT id FROM scope WHERE tenant = ? AND \"user\" = ? AND project = ?"
                 " AND session_parent = ?");
  find.bind(1, scope.tenant).bind(2, scope.user).bind(3, scope.project).bind(4, scope.session);
  if (!find.step()) return std::nullopt;
  return find.integer(0);
}

ScopeId SqlStore::put_scope(const Scope& scope) {
  check_tenant(scope.tenant);
  if (const std::optional<ScopeId> known = find_scope(scope)) return *known;
  const Access use = connection();
  Statement add(use.db,
                "INSERT INTO scope(tenant, \"user\", project, session_parent, kind, created)"
                " VALUES(?, ?, ?, ?, ?, ?) RETURNING id");
  add.bind(1, scope.tenant).bind(2, scope.user).bind(3, scope.project).bind(4, scope.session);
  const char* const kind = !scope.session.empty()          ? "session"
                           : scope.project != kEverywhere ? "project"
                           : scope.user != kEverywhere    ? "user"
                                                          : "tenant";
  add.bind(5, std::string_view(kind));
  add.bind(6, to_ms(system_now())).step();
  return add.integer(0);
}

std::vector<ScopeId> SqlStore::all_scopes() const {
  const Access use = connection();
  return Statement(use.db, "SELECT id FROM scope ORDER BY id").ids();
}

std::vector<ScopeId> SqlStore::find_scopes(const ScopeFilter& filter) const {
  const Access use = connection();
  Statement find(use.db,
                 "SELECT id FROM scope WHERE tenant = ?1 AND ((\"user\" = ?2 AND (?5 OR project ="
                 " '*' OR (project = ?3 AND session_parent IN ('', ?4)))) OR (\"user\" = '*' AND"
                 " project = '*')) ORDER BY id");
  const Scope& scope = filter.scope;
  find.bind(1, scope.tenant).bind(2, scope.user).bind(3, scope.project).bind(4, scope.session);
  return find.bind(5, int64_t{filter.all_projects}).ids();
}

SessionRow SqlStore::put_session(ScopeId scope, const std::string& name, SessionKind kind) {
  if (std::optional<SessionRow> row = find_session(scope, name)) return *row;
  const Access use = connection();
  Statement add(use.db,
                "INSERT INTO session(scope_id, name, kind, created)"
                " VALUES(?, ?, ?, ?) RETURNING id");
  add.bind(1, scope).bind(2, name).bind(3, static_cast<int64_t>(kind));
  add.bind(4, to_ms(system_now())).step();
  return {add.integer(0), scope, name, kind};
}

std::optional<SessionRow> SqlStore::find_session(ScopeId scope, std::string_view name) const {
  const Access use = connection();
  Statement find(use.db, "SELECT id, kind FROM session WHERE scope_id = ? AND name = ?");
  find.bind(1, scope).bind(2, name);
  if (!find.step()) return std::nullopt;
  return SessionRow{find.integer(0), scope, std::string(name),
                    static_cast<SessionKind>(find.integer(1))};
}

ScopeId SqlStore::session_scope(int64_t session_key) const {
  const Access use = connection();
  Statement find(use.db, "SELECT scope_id FROM session WHERE id = ?");
  if (!find.bind(1, session_key).step()) fail(Code::corrupt, "corrupt: a turn without a session");
  return find.integer(0);
}

std::vector<SessionRow> SqlStore::sessions(ScopeId scope, std::string_view prefix) const {
  const Access use = connection();
  Statement find(use.db,
                 "SELECT id, name, kind FROM session WHERE scope_id = ?1 AND"
                 " substr(name, 1, length(?2)) = ?2 ORDER BY id");
  find.bind(1, scope).bind(2, prefix);
  std::vector<SessionRow> rows;
  while (find.step()) {
    rows.push_back({find.integer(0), scope, std::string(find.text(1)),
                    static_cast<SessionKind>(find.integer(2))});
  }
  return rows;
}

void SqlStore::move_turn(TurnId turn, ScopeId scope) {
  const Access use = connection();
  for (const char* const move : {"UPDATE turn SET scope_id = ? WHERE id = ?",
                                 "UPDATE fact SET scope_id = ? WHERE turn_id = ?",
                                 "UPDATE foresight SET scope_id = ? WHERE turn_id = ?"}) {
    Statement(use.db, move).bind(1, scope).bind(2, turn).run();
  }
}

void SqlStore::insert_turn(SqlDb& db, Turn& turn) {
  Statement last(db, "SELECT max(seq) FROM turn WHERE session_id = ?");
  turn.seq = last.bind(1, turn.session_key).step() && !last.is_null(0) ? last.integer(0) + 1 : 0;
  Statement add(db,
                "INSERT INTO turn(scope_id, session_id, seq, external_id, role, speaker, channel,"
                " tier, said_at, learnt_at, text, bytes_full, sha256, words, features, redactions,"
                " injected_ids, said_offset)"
                " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " RETURNING id");
  add.bind(1, turn.scope).bind(2, turn.session_key).bind(3, turn.seq);
  turn.external_id.empty() ? add.bind_null(4) : add.bind(4, turn.external_id);
  add.bind(5, turn.role).bind(6, turn.speaker).bind(7, turn.channel);
  add.bind(8, static_cast<int64_t>(turn.tier)).bind(9, to_ms(turn.said_at));
  add.bind(10, to_ms(turn.learnt_at)).bind(11, turn.text).bind(12, turn.bytes_full);
  add.bind(13, turn.sha256).bind(14, turn.words).bind(15, int64_t{turn.features});
  add.bind(16, turn.redactions).bind(17, id_list(turn.injected_ids));
  add.bind(18, int64_t{turn.said_offset}).step();
  turn.id = add.integer(0);
}

std::optional<Turn> SqlStore::turn(TurnId id) const {
  const Access use = connection();
  static const std::string kSql = std::string("SELECT ") + kTurnColumns + "WHERE t.id = ?";
  Statement find(use.db, kSql);
  if (!find.bind(1, id).step()) return std::nullopt;
  return read_turn(find);
}

std::map<TurnId, Turn> SqlStore::turns(std::span<const TurnId> ids) const {
  const Access use = connection();
  Statement find(use.db, std::string("SELECT ") + kTurnColumns + "WHERE " +
                             use.db.among("t.id", 1));
  find.bind_ids(1, ids);
  std::map<TurnId, Turn> found;
  while (find.step()) found.emplace(find.integer(0), read_turn(find));
  return found;
}

std::optional<Turn> SqlStore::find_external(int64_t session_key, std::string_view id) const {
  const Access use = connection();
  static const std::string kSql =
      std::string("SELECT ") + kTurnColumns + "WHERE t.session_id = ? AND t.external_id = ?";
  Statement find(use.db, kSql);
  if (!find.bind(1, session_key).bind(2, id).step()) return std::nullopt;
  return read_turn(find);
}

std::vector<TurnId> SqlStore::session_turns(int64_t session_key) const {
  const Access use = connection();
  Statement find(use.db, "SELECT id FROM turn WHERE session_id = ? ORDER BY seq");
  return find.bind(1, session_key).ids();
}

std::optional<TurnId> SqlStore::last_turn(int64_t session_key) const {
  const Access use = connection();
  Statement find(use.db, "SELECT id FROM turn WHERE session_id = ? ORDER BY seq DESC LIMIT 1");
  if (!find.bind(1, session_key).step()) return std::nullopt;
  return find.integer(0);
}

void SqlStore::delete_turn(SqlDb& db, TurnId id) {
  db.execute("UPDATE meta SET value = 1 WHERE key = 'scrub_pending'");
  memory::erase_amendments(db, id);
  Statement(db, "DELETE FROM foresight WHERE turn_id = ?").bind(1, id).run();
  Statement(db, "DELETE FROM fact WHERE turn_id = ?").bind(1, id).run();
  Statement(db, "DELETE FROM embedding WHERE turn_id = ?").bind(1, id).run();
  Statement(db, "DELETE FROM source WHERE turn_id = ?").bind(1, id).run();
  Statement(db, "DELETE FROM turn WHERE id = ?").bind(1, id).run();
}

void SqlStore::for_each_turn(std::span<const ScopeId> scopes, TurnId after,
                             const std::function<void(const TurnSummary&)>& visit) const {
  if (scopes.empty()) return;
  const Access use = connection();
  Statement find(use.db,
                 "SELECT id, session_id, tier, said_at, words, features, speaker, role FROM turn"
                 " WHERE id > ?1 AND " + use.db.among("scope_id", 2) +
                     " AND id NOT IN (SELECT turn_id FROM amendment) ORDER BY id");
  find.bind(1, after).bind_ids(2, scopes).in_pages();
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

void SqlStore::for_each_text(std::span<const ScopeId> scopes,
                             const std::function<void(const Turn&)>& visit) const {
  const Access use = connection();
  Statement find(use.db, std::string("SELECT ") + kTurnColumns + "WHERE " +
                             use.db.among("t.scope_id", 1) + " ORDER BY t.id");
  find.bind_ids(1, scopes).in_pages();
  while (find.step()) visit(read_turn(find));
}

int64_t SqlStore::generation() const {
  return connection().db.number("SELECT value FROM meta WHERE key = 'generation'");
}

void SqlStore::raise_generation() {
  connection().db.execute(
      "UPDATE meta SET value = CAST(value AS BIGINT) + 1 WHERE key = 'generation'");
}

CellId SqlStore::put_cell(const MemCell& cell) {
  const Access use = connection();
  Statement put(use.db,
                use.db.replace("segment", "id, scope_id, session_id, opened_at, closed_at, reason,"
                                          " title, episode, deriver, tokens") + " RETURNING id");
  cell.id == 0 ? put.bind_null(1) : put.bind(1, cell.id);
  put.bind(2, cell.scope).bind(3, cell.session_key).bind(4, to_ms(cell.opened_at));
  cell.is_open ? put.bind_null(5) : put.bind(5, to_ms(cell.closed_at));
  put.bind(6, cell.reason).bind(7, cell.title).bind(8, cell.episode).bind(9, cell.deriver);
  put.bind(10, cell.tokens).step();
  const CellId id = put.integer(0);
  if (cell.id != 0) {
    Statement(use.db, "DELETE FROM source WHERE derived_kind = 'cell' AND derived_id = ?")
        .bind(1, id)
        .run();
  }
  for (const TurnId turn : cell.turns) add_cell_turn(id, turn);
  return id;
}

void SqlStore::add_cell_turn(CellId cell, TurnId turn) {
  const Access use = connection();
  Statement add(use.db,
                "INSERT INTO source(derived_kind, derived_id, turn_id) VALUES('cell', ?, ?)"
                " ON CONFLICT DO NOTHING");
  add.bind(1, cell).bind(2, turn).run();
}

std::optional<MemCell> SqlStore::cell(CellId id) const {
  const Access use = connection();
  static const std::string kSql = std::string(kCellColumns) + "WHERE c.id = ?";
  Statement find(use.db, kSql);
  if (!find.bind(1, id).step()) return std::nullopt;
  MemCell cell = read_cell(find);
  add_sources(std::span(&cell, 1), use.db);
  return cell;
}

std::vector<MemCell> SqlStore::cells(std::span<const ScopeId> scopes, int limit) const {
  const Access use = connection();
  Statement find(use.db, std::string(kCellColumns) + "WHERE " + use.db.among("c.scope_id", 1) +
                             " ORDER BY c.id DESC LIMIT ?2");
  find.bind_ids(1, scopes).bind(2, limit);
  std::vector<MemCell> cells;
  while (find.step()) cells.push_back(read_cell(find));
  add_sources(cells, use.db);
  return cells;
}

std::optional<CellId> SqlStore::open_cell(int64_t session_key) const {
  const Access use = connection();
  Statement find(use.db, "SELECT id FROM segment WHERE session_id = ? AND closed_at IS NULL");
  if (!find.bind(1, session_key).step()) return std::nullopt;
  return find.integer(0);
}

std::vector<CellId> SqlStore::cells_of_turn(TurnId id) const {
  const Access use = connection();
  Statement find(use.db,
                 "SELECT derived_id FROM source WHERE turn_id = ? AND derived_kind = 'cell'"
                 " ORDER BY derived_id");
  return find.bind(1, id).ids();
}

void SqlStore::erase_cell(CellId id) {
  const Access use = connection();
  Statement(use.db, "DELETE FROM source WHERE derived_kind = 'cell' AND derived_id = ?")
      .bind(1, id)
      .run();
  Statement(use.db, "DELETE FROM segment WHERE id = ?").bind(1, id).run();
}

void SqlStore::add_event(const Event& event) {
  const Access use = connection();
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

std::vector<Event> SqlStore::events(std::string_view kind, int64_t id) const {
  const Access use = connection();
  Statement find(use.db,
                 "SELECT id, at, actor, op, kind, first_id, last_id, reason FROM event"
                 " WHERE kind = ?1 AND first_id <= ?2 AND last_id >= ?2 ORDER BY id");
  find.bind(1, kind).bind(2, id);
  std::vector<Event> events;
  while (find.step()) events.push_back(read_event(find));
  return events;
}

std::string SqlStore::mac_key() const {
  const Access use = connection();
  Statement find(use.db, "SELECT value FROM meta WHERE key = 'mac_key'");
  if (!find.step()) fail(Code::corrupt, "corrupt: the memory store has no key for tombstones");
  return std::string(find.text(0));
}

void SqlStore::add_tombstone(ScopeId scope, std::string_view mac, Time at) {
  const Access use = connection();
  Statement add(use.db,
                "INSERT INTO tombstone(scope_id, content_mac, at, reason)"
                " VALUES(?, ?, ?, 'forget') ON CONFLICT DO NOTHING");
  add.bind(1, scope).bind(2, mac).bind(3, to_ms(at)).run();
}

bool SqlStore::has_tombstone(ScopeId scope, std::string_view mac) const {
  const Access use = connection();
  Statement find(use.db, "SELECT 1 FROM tombstone WHERE scope_id = ? AND content_mac = ?");
  return find.bind(1, scope).bind(2, mac).step();
}

void SqlStore::put_vector(TurnId turn, std::string_view embedder,
                          std::span<const int8_t> vector) {
  const Access use = connection();
  memory::put_vector(use.db, turn, embedder, vector);
}

void SqlStore::for_each_vector(
    std::span<const ScopeId> scopes, std::string_view embedder, TurnId after,
    const std::function<void(TurnId, std::span<const int8_t>)>& visit) const {
  const Access use = connection();
  memory::for_each_vector(use.db, {scopes, embedder, after}, visit);
}

std::vector<TurnId> SqlStore::without_vector(std::string_view embedder, int limit) const {
  const Access use = connection();
  return memory::without_vector(use.db, embedder, limit);
}

void SqlStore::erase_vectors() {
  const Access use = connection();
  use.db.execute("DELETE FROM embedding; DELETE FROM embedder;");
}

FactId SqlStore::put_fact(const Fact& fact) {
  const Access use = connection();
  return memory::put_fact(use.db, fact);
}

std::optional<Fact> SqlStore::fact(FactId id) const {
  const Access use = connection();
  return memory::find_fact(use.db, id);
}

std::vector<Fact> SqlStore::facts(std::span<const ScopeId> scopes, int limit) const {
  const Access use = connection();
  return memory::find_facts(use.db, scopes, limit);
}

std::vector<Fact> SqlStore::facts_of_turn(TurnId id) const {
  const Access use = connection();
  return memory::facts_of_turn(use.db, id);
}

std::vector<Fact> SqlStore::rivals(const Fact& fact, Rivals which) const {
  const Access use = connection();
  return memory::find_rivals(use.db, fact, which);
}

bool SqlStore::is_latest(const Fact& fact) const {
  const Access use = connection();
  return memory::is_latest(use.db, fact);
}

std::vector<Fact> SqlStore::facts_beside(std::span<const TurnId> turns) const {
  const Access use = connection();
  return memory::facts_beside(use.db, turns);
}

void SqlStore::erase_facts() {
  const Access use = connection();
  use.db.execute("DELETE FROM fact WHERE deriver LIKE 'pattern/%'");
}

void SqlStore::put_foresight(const Foresight& foresight) {
  const Access use = connection();
  memory::put_foresight(use.db, foresight);
}

std::vector<Foresight> SqlStore::foresights(std::span<const ScopeId> scopes) const {
  const Access use = connection();
  return memory::find_foresights(use.db, scopes);
}

void SqlStore::erase_foresights() {
  const Access use = connection();
  use.db.execute("DELETE FROM foresight WHERE deriver LIKE 'foresight/%'");
}

void SqlStore::erase_foresights_of(TurnId turn, std::string_view deriver) {
  const Access use = connection();
  memory::erase_of(use.db, "foresight", turn, deriver);
}

bool SqlStore::lacks_facts() const {
  return connection().db.number("SELECT value FROM meta WHERE key = 'facts_missing'") != 0;
}

void SqlStore::set_lacks_facts(bool lacks) {
  const Access use = connection();
  Statement set(use.db, "UPDATE meta SET value = ? WHERE key = 'facts_missing'");
  set.bind(1, int64_t{lacks}).run();
}

void SqlStore::put_amendment(TurnId turn, TurnId by, Time at) {
  const Access use = connection();
  memory::put_amendment(use.db, turn, by, at);
}

std::optional<TurnId> SqlStore::amended_by(TurnId turn) const {
  const Access use = connection();
  return memory::amended_by(use.db, turn);
}

std::vector<TurnId> SqlStore::versions_of(TurnId turn) const {
  const Access use = connection();
  return memory::versions_of(use.db, turn);
}

void SqlStore::erase_facts_of(TurnId turn, std::string_view deriver) {
  const Access use = connection();
  memory::erase_of(use.db, "fact", turn, deriver);
}

ItemId SqlStore::put_item(const ProfileItem& item) {
  const Access use = connection();
  return memory::put_item(use.db, item);
}

std::optional<ProfileItem> SqlStore::item(ItemId id) const {
  const Access use = connection();
  return memory::find_item(use.db, id);
}

std::vector<ProfileItem> SqlStore::items(std::span<const ScopeId> scopes) const {
  const Access use = connection();
  return memory::find_items(use.db, scopes);
}

void SqlStore::erase_items(CellId cell, bool decided) {
  const Access use = connection();
  memory::erase_items(use.db, cell, decided);
}

void SqlStore::put_scene_note(std::span<const CellId> cells, std::string_view summary, Time at) {
  const Access use = connection();
  memory::put_scene_note(use.db, cells, summary, at);
}

std::map<std::vector<CellId>, std::string> SqlStore::scene_notes() const {
  const Access use = connection();
  return memory::scene_notes(use.db);
}

void SqlStore::erase_scene_notes(CellId cell) {
  const Access use = connection();
  memory::erase_scene_notes(use.db, cell);
}

void SqlStore::set_paused(ScopeId scope, bool paused, Time since) {
  const Access use = connection();
  memory::set_paused(use.db, scope, paused, since);
}

bool SqlStore::is_paused(ScopeId scope) const {
  const Access use = connection();
  return memory::is_paused(use.db, scope);
}

void SqlStore::for_each_row(const std::function<void(const Json&)>& visit) const {
  const Access use = connection();
  memory::for_each_row(use.db, visit);
}

void SqlStore::put_row(const Json& line) {
  const bool is_scope = line.is_object() && json_string_or(line, "table", "") == "scope";
  if (is_scope && line.contains("row")) check_tenant(json_string(line.at("row"), "tenant"));
  const Access use = connection();
  memory::put_row(use.db, line);
}

MemoryStats SqlStore::count_rows(SqlDb& db) {
  MemoryStats stats;
  stats.scopes = db.number("SELECT count(*) FROM scope");
  stats.sessions = db.number("SELECT count(*) FROM session");
  stats.turns = db.number("SELECT count(*) FROM turn");
  stats.cells = db.number("SELECT count(*) FROM segment");
  stats.events = db.number("SELECT count(*) FROM event");
  stats.tombstones = db.number("SELECT count(*) FROM tombstone");
  stats.facts = db.number("SELECT count(*) FROM fact");
  stats.foresights = db.number("SELECT count(*) FROM foresight WHERE kind IN (0, 3)");
  stats.vectors = db.number("SELECT count(*) FROM embedding");
  return stats;
}

}  // namespace corvid::memory
