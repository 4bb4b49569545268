#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "memory/store.h"
#include "memory/types.h"

namespace corvid::memory {

// What ranking knows of every turn in view, by rising id; filled from a Store and brought up to
// date in front of each query. A cache: dropping it loses nothing. Not thread-safe.
class Corpus {
 public:
  explicit Corpus(std::vector<ScopeId> scopes);

  void refresh(const Store& store);

  struct Row {
    TurnId id = 0;
    int32_t session = 0;      // index into sessions
    int32_t previous = -1;    // row of the turn before in the session; -1: none
    int32_t next = -1;
    int32_t speaker = 0;      // index into speakers
    int32_t words = 0;
    uint32_t features = 0;
    Tier tier = Tier::user;
    Time said_at{};
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
  int64_t words() const { return words_; }
  bool has_both_roles() const { return has_user_ && has_assistant_; }
  bool has_tools() const { return has_tools_; }

  int64_t generation() const { return generation_; }  // of the store; see Store
  // Words of the neighbours at `offset` (-3..3), summed over the rows.
  int64_t words_at(int offset) const { return words_at_[static_cast<size_t>(offset + 3)]; }

  // The neighbour of `row` at `offset` (-3..3) in its session, or -1.
  int32_t neighbour(int32_t row, int offset) const;

 private:
  void add(const TurnSummary& turn);
  void clear();

  std::vector<ScopeId> scopes_;
  int64_t generation_ = 0;
  std::vector<Row> rows_;
  std::vector<Session> sessions_;
  std::vector<Speaker> speakers_;
  std::map<int64_t, int32_t> session_of_key_;
  std::map<std::pair<std::string, std::string>, int32_t> speaker_of_name_;
  std::array<int64_t, 7> words_at_{};
  int64_t words_ = 0;
  bool has_user_ = false;
  bool has_assistant_ = false;
  bool has_tools_ = false;
};

}  // namespace corvid::memory
