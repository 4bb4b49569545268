#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "memory/recall/column.h"
#include "memory/recall/sections.h"
#include "memory/store.h"
#include "memory/types.h"

namespace corvid::memory {

// What ranking knows of every turn in view, by rising id; filled from a Store and brought up to
// date in front of each query. A cache: dropping it loses nothing. Not thread-safe.
class Corpus {
 public:
  explicit Corpus(std::vector<ScopeId> scopes);

  void refresh(const Store& store);

  // As sections of a file, and from them in place of what is there. load() throws corrupt.
  void save(SectionWriter& out) const;
  void load(SectionReader& in);

  struct Row {
    TurnId id = 0;
    int32_t session = 0;      // index into sessions
    int32_t speaker = 0;      // index into speakers
    int32_t words = 0;
    uint32_t features = 0;
    Time said_at{};
  };
  // Where the neighbours of a row lie, up to 3 each way: how many of those after it, and of those
  // before it, are the next rows; whether another lies elsewhere, as where sessions take turns.
  struct Reach {
    static constexpr uint8_t kCount = 3, kBeforeShift = 2, kElsewhere = 16;
    static constexpr int after(uint8_t reach) { return reach & kCount; }
    static constexpr int before(uint8_t reach) { return (reach >> kBeforeShift) & kCount; }
  };
  // Rows of the turns before and after in the session; -1: none.
  struct Place {
    int32_t previous = -1;
    int32_t next = -1;
  };
  struct Session {
    int64_t key = 0;
    int64_t words = 0;
    int64_t user_words = 0;  // said by users
    int32_t first = -1;      // row
    int32_t last = -1;       // row
  };
  struct Speaker {
    std::string name;   // lower case
    std::string role;
  };

  const std::vector<ScopeId>& scopes() const { return scopes_; }
  std::span<const Row> rows() const { return rows_; }
  std::span<const Session> sessions() const { return sessions_; }
  std::span<const Speaker> speakers() const { return speakers_; }
  int64_t words() const { return sums_.words; }
  bool has_both_roles() const { return has_user_ && has_assistant_; }
  bool has_tools() const { return has_tools_; }

  int64_t generation() const { return sums_.generation; }  // of the store; see Store
  // Words of the neighbours at `offset` (-3..3), summed over the rows.
  int64_t words_at(int offset) const { return sums_.words_at[static_cast<size_t>(offset + 3)]; }

  // The neighbour of `row` at `offset` (-3..3) in its session, or -1.
  int32_t neighbour(int32_t row, int offset) const;
  std::span<const uint8_t> reach() const { return reach_; }  // of the rows
  // Of the rows, the little that is looked at of each.
  struct Look {
    int32_t session = 0;
    uint32_t kind = 0;  // speaker * kKinds + features
    static constexpr uint32_t kKinds = 16;
  };
  std::span<const Look> looks() const { return looks_; }
  int32_t previous(int32_t row) const { return places_[static_cast<size_t>(row)].previous; }
  int32_t next(int32_t row) const { return places_[static_cast<size_t>(row)].next; }

 private:
  void add(const TurnSummary& turn);
  int32_t speaker_of(std::string_view name, std::string_view role);
  uint8_t reach_of(int32_t row) const;
  static Look look_of(const Row& row) {
    const auto speaker = static_cast<uint32_t>(row.speaker);
    return {row.session, speaker * Look::kKinds + row.features % Look::kKinds};
  }
  void clear();

  std::vector<ScopeId> scopes_;
  Column<Row> rows_;
  Column<Place> places_;  // of the rows
  // Of the rows and places, in less room; not in a file.
  Column<uint8_t> reach_;
  Column<Look> looks_;
  Column<Session> sessions_;
  std::vector<Speaker> speakers_;
  std::map<int64_t, int32_t> session_of_key_;
  std::map<std::pair<std::string, std::string>, int32_t> speaker_of_name_;
  // Plain data.
  struct Sums {
    int64_t generation = 0;
    std::array<int64_t, 7> words_at{};
    int64_t words = 0;
  };
  Sums sums_;
  bool has_user_ = false;
  bool has_assistant_ = false;
  bool has_tools_ = false;
};

}  // namespace corvid::memory
