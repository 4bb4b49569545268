#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

struct Fts5Tokenizer;
struct fts5_tokenizer;
struct sqlite3;

namespace corvid::memory {

// Cuts, folds and stems as SQLite's full-text index does, because it is that very code; for stores
// that keep their index elsewhere. Thread-safe.
class Tokens {
 public:
  Tokens();
  ~Tokens();
  Tokens(const Tokens&) = delete;
  Tokens& operator=(const Tokens&) = delete;

  std::vector<std::string> of(std::string_view text) const;

 private:
  mutable std::mutex mutex_;  // a tokenizer has one buffer
  sqlite3* db_ = nullptr;  // owns the tokenizer's code
  std::unique_ptr<fts5_tokenizer> code_;
  Fts5Tokenizer* raw_ = nullptr;
};

// How often `phrase` stands in `words`, overlapping ones counted.
int32_t count_phrase(const std::vector<std::string>& words,
                     const std::vector<std::string>& phrase);

}  // namespace corvid::memory
