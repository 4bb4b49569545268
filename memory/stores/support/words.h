#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "memory/store.h"
#include "memory/stores/support/sql.h"
#include "memory/stores/support/tokens.h"

namespace corvid::memory {

// The full-text index of a PostgreSQL store: a tsvector a turn, made of the words that SQLite's
// index would hold, under a GIN index. How often a word stands in a turn lies beside it where that
// is more than once, since a tsvector's positions end at 16,383, or 256 a word. Inside the caller's
// lock and, for what writes, transaction.
class Words {
 public:
  void set_tenant(int64_t tenant);

  void add(SqlDb& db, const Turn& turn) const;
  void erase(SqlDb& db, TurnId turn) const;
  std::vector<TermCount> match(SqlDb& db, std::string_view term) const;
  void make_anew(SqlDb& db) const;
  void check(SqlDb& db, std::vector<std::string>& problems) const;  // against the turns

 private:
  struct Entry {
    std::string lexemes{};  // an array's text
    std::string repeats{};  // "" = none
  };
  Entry entry_of(const Turn& turn) const;
  std::string lexeme(const std::string& word) const;
  std::vector<TermCount> match_phrase(SqlDb& db, const std::vector<std::string>& words) const;

  Tokens tokens_;
  std::string prefix_;  // of the tenant
};

}  // namespace corvid::memory
