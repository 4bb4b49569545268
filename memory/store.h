#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "memory/memory.h"
#include "memory/types.h"

namespace corvid::memory {

struct SessionRow {
  int64_t key = 0;
  ScopeId scope = 0;
  std::string name;
  SessionKind kind = SessionKind::chat;
};

// What ranking needs of a turn without reading its text.
struct TurnSummary {
  TurnId id = 0;
  int64_t session_key = 0;
  Tier tier = Tier::user;
  Time said_at{};
  int32_t words = 0;
  uint32_t features = 0;
  std::string_view speaker;  // valid during the visit
  std::string_view role;     // valid during the visit
};

// Of the facts of a key: `open` are those that are not superseded.
enum class Rivals { all, open, active };

// `count` occurrences of a term in the indexed text of a turn.
struct TermCount {
  TurnId turn = 0;
  int32_t count = 0;
};

// Begins the name of each file in Store::cache_folder().
inline constexpr const char* kCachePrefix = "recall-";

// The durable home of turns and of what is derived from them. Knows no ranking and no policy.
// Thread-safe. Writes happen inside write(); reads see what was committed before, or inside write()
// what that transaction wrote. Methods throw io, corrupt, timeout (locked by another process).
class Store {
 public:
  virtual ~Store() = default;

  // Runs `body` as one transaction, all or nothing; one at a time over all processes.
  virtual void write(const std::function<void()>& body) = 0;

  // The same, and takes everything back at the end.
  virtual void try_out(const std::function<void()>& body) = 0;

  // Scopes and sessions. find_* give 0 or nullopt when there is none.
  virtual ScopeId put_scope(const Scope& scope) = 0;  // finds or makes
  virtual std::vector<ScopeId> find_scopes(const ScopeFilter& filter) const = 0;
  virtual std::optional<ScopeId> find_scope(const Scope& scope) const = 0;  // just this one
  virtual std::vector<ScopeId> all_scopes() const = 0;
  virtual SessionRow put_session(ScopeId scope, const std::string& name, SessionKind kind) = 0;
  virtual std::optional<SessionRow> find_session(ScopeId scope, std::string_view name) const = 0;

  virtual ScopeId session_scope(int64_t session_key) const = 0;
  virtual std::vector<SessionRow> sessions(ScopeId scope, std::string_view prefix) const = 0;

  // Turns. add_turn gives the turn its id and its place in the session and makes its
  // indexed_text() (ingest/annotate.h) searchable; erase_turn takes both away.
  virtual TurnId add_turn(Turn& turn) = 0;
  virtual std::optional<Turn> turn(TurnId id) const = 0;
  // By id; those that are gone are left out.
  virtual std::map<TurnId, Turn> turns(std::span<const TurnId> ids) const = 0;
  virtual std::optional<Turn> find_external(int64_t session_key, std::string_view id) const = 0;
  virtual std::vector<TurnId> session_turns(int64_t session_key) const = 0;
  virtual std::optional<TurnId> last_turn(int64_t session_key) const = 0;
  virtual void erase_turn(const Turn& turn) = 0;
  virtual void move_turn(TurnId turn, ScopeId scope) = 0;  // with its facts and foresights
  virtual void for_each_turn(std::span<const ScopeId> scopes, TurnId after,
                             const std::function<void(const TurnSummary&)>& visit) const = 0;
  virtual void for_each_text(std::span<const ScopeId> scopes,
                             const std::function<void(const Turn&)>& visit) const = 0;

  // Vectors of turns, by the name of their embedder; a turn has at most one of each. A turn's go
  // with it. without_vector gives turns that lack one, oldest first.
  virtual void put_vector(TurnId turn, std::string_view embedder,
                          std::span<const int8_t> vector) = 0;
  virtual void for_each_vector(
      std::span<const ScopeId> scopes, std::string_view embedder, TurnId after,
      const std::function<void(TurnId, std::span<const int8_t>)>& visit) const = 0;
  virtual std::vector<TurnId> without_vector(std::string_view embedder, int limit) const = 0;
  virtual void erase_vectors() = 0;  // all of them

  // Turns whose indexed text holds the words of `term` in a row after folding and stemming, by
  // rising id. `term` is data: no query syntax in it means anything.
  virtual std::vector<TermCount> match(std::string_view term) const = 0;

  // For files that large stores are recalled from (recall/snapshot.h). A store may have none of it.
  // The same as match(), only turns after `after`.
  virtual std::vector<TermCount> match_after(std::string_view term, TurnId after) const;
  // Where such files lie, beside what they were made from; "": nowhere. scrub() removes them.
  virtual std::filesystem::path cache_folder() const { return {}; }
  // The form in which the index holds a word; "" unless it is one.
  virtual std::string folded(std::string_view) const { return {}; }
  // Every form with its turns, by form (bytes), then by id.
  virtual void for_each_posting(
      const std::function<void(std::string_view form, TermCount hit)>&) const {}

  // Rises whenever something already readable was erased: caches start anew.
  virtual int64_t generation() const = 0;
  virtual void raise_generation() = 0;

  // MemCells. put_cell inserts (id == 0) or replaces, with its sources.
  virtual CellId put_cell(const MemCell& cell) = 0;
  virtual void add_cell_turn(CellId cell, TurnId turn) = 0;
  virtual std::optional<MemCell> cell(CellId id) const = 0;
  virtual std::vector<MemCell> cells(std::span<const ScopeId> scopes, int limit) const = 0;
  virtual std::optional<CellId> open_cell(int64_t session_key) const = 0;
  virtual std::vector<CellId> cells_of_turn(TurnId id) const = 0;
  virtual void erase_cell(CellId id) = 0;

  // Facts. put_fact inserts (id == 0) or replaces. A turn's facts go with it.
  virtual FactId put_fact(const Fact& fact) = 0;
  virtual std::optional<Fact> fact(FactId id) const = 0;
  virtual std::vector<Fact> facts(std::span<const ScopeId> scopes, int limit) const = 0;  // by id
  virtual std::vector<Fact> facts_of_turn(TurnId id) const = 0;
  // The same scope, subject and key, by the time they were said.
  virtual std::vector<Fact> rivals(const Fact& fact, Rivals which) const = 0;
  // None of them was said later.
  virtual bool is_latest(const Fact& fact) const = 0;
  // The facts of the turns, and what is active or disputed of their keys, up to a limit; at least
  // those.
  virtual std::vector<Fact> facts_beside(std::span<const TurnId> turns) const = 0;
  virtual void erase_facts() = 0;  // all that patterns have found
  // Foresights, as facts.
  virtual void put_foresight(const Foresight& foresight) = 0;
  virtual std::vector<Foresight> foresights(std::span<const ScopeId> scopes) const = 0;
  virtual void erase_foresights() = 0;  // all that patterns have found
  // Those of one deriver; "": of all.
  virtual void erase_foresights_of(TurnId turn, std::string_view deriver = "") = 0;

  // Profile items, by id; put_item inserts (id == 0) or replaces. erase_items takes those of a cell
  // away, `decided` ones (not merely proposed) only if that is said.
  virtual ItemId put_item(const ProfileItem& item) = 0;
  virtual std::optional<ProfileItem> item(ItemId id) const = 0;
  virtual std::vector<ProfileItem> items(std::span<const ScopeId> scopes) const = 0;
  virtual void erase_items(CellId cell, bool decided) = 0;
  // What a model says of a scene of just these cells; those that hold a cell go with it.
  virtual void put_scene_note(std::span<const CellId> cells, std::string_view summary,
                              Time at) = 0;
  virtual std::map<std::vector<CellId>, std::string> scene_notes() const = 0;
  virtual void erase_scene_notes(CellId cell) = 0;

  // True until facts have been derived from turns that were there before the store knew of facts.
  virtual bool lacks_facts() const = 0;
  virtual void set_lacks_facts(bool lacks) = 0;

  // Newer versions. `by` 0: withdrawn; -1: current again. Amended turns are in no TurnSummary.
  virtual void put_amendment(TurnId turn, TurnId by, Time at) = 0;
  virtual std::optional<TurnId> amended_by(TurnId turn) const = 0;  // nullopt: it is current
  virtual std::vector<TurnId> versions_of(TurnId turn) const = 0;  // next older and newer ones
  virtual void erase_facts_of(TurnId turn, std::string_view deriver = "") = 0;  // the same

  // Scope 0 means all.
  virtual void set_paused(ScopeId scope, bool paused, Time since) = 0;
  virtual bool is_paused(ScopeId scope) const = 0;

  // Rows of all that is neither index nor cache: {"table": NAME, "row": {COLUMN: VALUE, ...}}, in
  // an order in which an empty store takes them. put_row throws invalid for what is no such row.
  virtual void for_each_row(const std::function<void(const Json&)>& visit) const = 0;
  virtual void put_row(const Json& line) = 0;

  // Empties the full-text index and fills it from the turns.
  virtual void make_index_anew() = 0;

  // Audit, append-only and hash-chained; never content.
  virtual void add_event(const Event& event) = 0;
  virtual std::vector<Event> events(std::string_view kind, int64_t id) const = 0;

  // Keyed codes of forgotten content; see manage/tombstone.h.
  virtual std::string mac_key() const = 0;
  virtual void add_tombstone(ScopeId scope, std::string_view mac, Time at) = 0;
  virtual bool has_tombstone(ScopeId scope, std::string_view mac) const = 0;

  // Removes sessions without turns, then every trace of erased content from the files.
  // False: somebody reads elsewhere, or the disk is full; the next open or scrub goes on with it.
  bool scrub();

  virtual MemoryStats stats() const = 0;  // but for what an embedder is asked
  virtual std::string durability() const = 0;  // what an acknowledged write survives, in words
  virtual std::vector<std::string> verify() const = 0;  // problems in pages, keys, index, chain

 private:
  virtual bool scrub_all() = 0;  // the same; throws io when the disk is full
};

// Whether a location (see MemoryConfig) is a database on a server rather than a folder.
bool is_store_url(std::string_view location);

// Opens or makes the store at `location`. A kind that keeps tenants apart by itself shows and takes
// what is `tenant`'s only. Throws unsupported when its format is newer than this program.
std::unique_ptr<Store> make_store(std::string_view location, Durability durability,
                                  const std::string& tenant = "");

}  // namespace corvid::memory
