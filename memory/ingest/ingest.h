#pragma once

#include <chrono>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "memory/ingest/segment.h"
#include "memory/ingest/settle.h"
#include "memory/ports.h"
#include "memory/store.h"

namespace corvid::memory {

// The write path: redacts, annotates, stores, segments. Not thread-safe; the caller serialises.
class Ingest {
 public:
  Ingest(Store& store, const Ports& ports, const Scope& scope);

  // One transaction. `op` and `actor` go into the audit event.
  std::vector<WriteResult> remember(std::span<const NewTurn> turns, const std::string& actor,
                                    const std::string& op);
  // The same inside the caller's transaction, of any number of turns. When that is rolled back,
  // forget_open_segments() must follow.
  std::vector<WriteResult> remember_within(std::span<const NewTurn> turns,
                                           const std::string& actor, const std::string& op);
  void close_session(const std::string& session);
  void mark_untrusted(const std::string& session) { untrusted_.insert(session); }

  // Throws invalid where a turn has the id of one that is there with another text.
  void check_conflicts(std::span<const NewTurn> turns) const;

  // Makes vectors that turns lack, at most `limit` of them and none after the first that ends
  // beyond `time_max`; true: none is missing any more. While some are, each remember() makes more.
  bool complete_vectors(int limit, std::chrono::milliseconds time_max);

  // Segments in progress must be read anew after turns were erased.
  void forget_open_segments() { open_.clear(); }

 private:
  struct Open {
    CellId cell = 0;  // 0: none is open
    std::vector<SegmentTurn> turns;
    std::vector<Turn> full;  // the same turns
  };

  std::vector<Turn> prepare(std::span<const NewTurn> turns) const;
  std::vector<WriteResult> put(std::vector<Turn> prepared, std::span<const NewTurn> turns,
                               const std::string& actor, const std::string& op);
  WriteResult add(Turn turn, const NewTurn& given, ScopeId scope);
  Open& open_segment(const SessionRow& session);
  void extend(const SessionRow& session, const Turn& turn);
  void close(const SessionRow& session, Open& open, const Cut& cut);
  void begin_cell(const SessionRow& session, Open& open);
  Time now() const;

  Store& store_;
  const Ports& ports_;
  Scope scope_;
  std::string mac_key_;
  std::map<int64_t, Open> open_;  // by session key
  bool lacks_vectors_ = false;
  std::set<std::string> untrusted_;      // names of sessions
  std::vector<ScopeId> forgotten_in_{};  // scopes whose tombstones hold for this write
  Unsettled stated_;  // in this write, not yet settled
};

// "user", "assistant" or "tool" for whatever a role is called elsewhere; "" for "".
std::string plain_role(std::string_view named);

// A turn as it will be stored; throws invalid for one that is too large.
Turn prepare_turn(const NewTurn& given);

// The turns of a cell without those that have a newer version.
std::vector<Turn> current_turns(const Store& store, const MemCell& cell);

// Title and episode of a closed cell, from its turns as they are now.
void derive_again(Store& store, CellId id);

// Closes an open cell behind whose last turn nothing was said for kSegmentGapMax: whatever is said
// next opens another. Inside the caller's transaction.
void close_idle(Store& store, CellId id, Time now);

inline constexpr size_t kTurnBytesMax = size_t{64} << 20;   // larger ones are refused
inline constexpr size_t kToolTextBytesMax = 4 * 1024;       // kept of tool output, head and tail
inline constexpr size_t kTextBytesMax = 64 * 1024;          // kept of anything else
inline constexpr size_t kTurnsPerWriteMax = 10'000;

}  // namespace corvid::memory
