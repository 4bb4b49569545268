#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "memory/store.h"
#include "memory/stores/support/sql.h"

namespace corvid::memory {

// What a store does in the same SQL whatever its database: all but full-text search, opening and
// upkeep. One connection writes and one reads.
class SqlStore : public Store {
 public:
  // All that it holds is `tenant`'s.
  explicit SqlStore(const std::string& tenant) : tenant_(tenant) {}

  void write(const std::function<void()>& body) override { transact(body, true); }
  void try_out(const std::function<void()>& body) override { transact(body, false); }
  ScopeId put_scope(const Scope& scope) override;
  std::vector<ScopeId> find_scopes(const ScopeFilter& filter) const override;
  std::optional<ScopeId> find_scope(const Scope& scope) const override;
  std::vector<ScopeId> all_scopes() const override;
  SessionRow put_session(ScopeId scope, const std::string& name, SessionKind kind) override;
  std::optional<SessionRow> find_session(ScopeId scope, std::string_view name) const override;
  ScopeId session_scope(int64_t session_key) const override;
  std::vector<SessionRow> sessions(ScopeId scope, std::string_view prefix) const override;
  void move_turn(TurnId turn, ScopeId scope) override;
  std::optional<Turn> turn(TurnId id) const override;
  std::map<TurnId, Turn> turns(std::span<const TurnId> ids) const override;
  std::optional<Turn> find_external(int64_t session_key, std::string_view id) const override;
  std::vector<TurnId> session_turns(int64_t session_key) const override;
  std::optional<TurnId> last_turn(int64_t session_key) const override;
  void for_each_turn(std::span<const ScopeId> scopes, TurnId after,
                     const std::function<void(const TurnSummary&)>& visit) const override;
  void for_each_text(std::span<const ScopeId> scopes,
                     const std::function<void(const Turn&)>& visit) const override;
  void put_vector(TurnId turn, std::string_view embedder,
                  std::span<const int8_t> vector) override;
  void for_each_vector(
      std::span<const ScopeId> scopes, std::string_view embedder, TurnId after,
      const std::function<void(TurnId, std::span<const int8_t>)>& visit) const override;
  std::vector<TurnId> without_vector(std::string_view embedder, int limit) const override;
  void erase_vectors() override;
  int64_t generation() const override;
  void raise_generation() override;
  CellId put_cell(const MemCell& cell) override;
  void add_cell_turn(CellId cell, TurnId turn) override;
  std::optional<MemCell> cell(CellId id) const override;
  std::vector<MemCell> cells(std::span<const ScopeId> scopes, int limit) const override;
  std::optional<CellId> open_cell(int64_t session_key) const override;
  std::vector<CellId> cells_of_turn(TurnId id) const override;
  void erase_cell(CellId id) override;
  FactId put_fact(const Fact& fact) override;
  std::optional<Fact> fact(FactId id) const override;
  std::vector<Fact> facts(std::span<const ScopeId> scopes, int limit) const override;
  std::vector<Fact> facts_of_turn(TurnId id) const override;
  std::vector<Fact> rivals(const Fact& fact, Rivals which) const override;
  bool is_latest(const Fact& fact) const override;
  std::vector<Fact> facts_beside(std::span<const TurnId> turns) const override;
  void erase_facts() override;
  void erase_facts_of(TurnId turn, std::string_view deriver) override;
  void put_foresight(const Foresight& foresight) override;
  std::vector<Foresight> foresights(std::span<const ScopeId> scopes) const override;
  void erase_foresights() override;
  void erase_foresights_of(TurnId turn, std::string_view deriver) override;
  ItemId put_item(const ProfileItem& item) override;
  std::optional<ProfileItem> item(ItemId id) const override;
  std::vector<ProfileItem> items(std::span<const ScopeId> scopes) const override;
  void erase_items(CellId cell, bool decided) override;
  void put_scene_note(std::span<const CellId> cells, std::string_view summary, Time at) override;
  std::map<std::vector<CellId>, std::string> scene_notes() const override;
  void erase_scene_notes(CellId cell) override;
  bool lacks_facts() const override;
  void set_lacks_facts(bool lacks) override;
  void put_amendment(TurnId turn, TurnId by, Time at) override;
  std::optional<TurnId> amended_by(TurnId turn) const override;
  std::vector<TurnId> versions_of(TurnId turn) const override;
  void set_paused(ScopeId scope, bool paused, Time since) override;
  bool is_paused(ScopeId scope) const override;
  void for_each_row(const std::function<void(const Json&)>& visit) const override;
  void put_row(const Json& line) override;
  void add_event(const Event& event) override;
  std::vector<Event> events(std::string_view kind, int64_t id) const override;
  std::string mac_key() const override;
  void add_tombstone(ScopeId scope, std::string_view mac, Time at) override;
  bool has_tombstone(ScopeId scope, std::string_view mac) const override;

 protected:
  // The connection that this thread may use now, with its lock.
  struct Access {
    std::unique_lock<std::recursive_mutex> lock;
    SqlDb& db;
  };
  Access connection() const;
  // Both connections, for upkeep, of which the writing one is used; never inside write().
  struct Whole {
    std::unique_lock<std::recursive_mutex> writer, reader;
    SqlDb& db;
  };
  Whole both() const;
  // Without a reader the writer serves both.
  void hold(std::unique_ptr<SqlDb> writer, std::unique_ptr<SqlDb> reader);
  // Of an index that was made of an older searched_text(); after hold().
  void renew_index();

  // Of add_turn and erase_turn, what is not in the full-text index.
  static void insert_turn(SqlDb& db, Turn& turn);
  static void delete_turn(SqlDb& db, TurnId id);
  static MemoryStats count_rows(SqlDb& db);

  const std::string tenant_;

 private:
  void transact(const std::function<void()>& body, bool keeps);
  void check_tenant(const std::string& tenant) const;

  std::unique_ptr<SqlDb> writer_;
  std::unique_ptr<SqlDb> reader_;
  mutable std::recursive_mutex writer_mutex_;
  mutable std::recursive_mutex reader_mutex_;
  std::atomic<std::thread::id> writing_{};  // the thread inside write()
};

}  // namespace corvid::memory
