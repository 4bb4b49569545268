#include "memory/stores/support/tokens.h"

#include <algorithm>

#include <sqlite3.h>

#include "memory/stores/support/sqlite_db.h"
#include "runtime/base/error.h"

namespace corvid::memory {
namespace {

int add_token(void* list, int, const char* token, int size, int, int) {
  static_cast<std::vector<std::string>*>(list)->emplace_back(token, static_cast<size_t>(size));
  return SQLITE_OK;
}

}  // namespace

Tokens::Tokens() : code_(std::make_unique<fts5_tokenizer>()) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  int code = sqlite3_open_v2(":memory:", &db_, flags, nullptr);
  fts5_api* const api = code == SQLITE_OK ? find_fts5(db_) : nullptr;
  if (api != nullptr) {
    void* context = nullptr;
    const char* arguments[] = {"unicode61"};
    code = api->xFindTokenizer(api, "porter", &context, code_.get());
    if (code == SQLITE_OK) code = code_->xCreate(context, arguments, 1, &raw_);
  }
  if (raw_ != nullptr && code == SQLITE_OK) return;
  sqlite3_close(db_);
  fail(Code::unsupported, "this SQLite has no FTS5, whose words the memory's index is made of");
}

Tokens::~Tokens() {
  code_->xDelete(raw_);
  sqlite3_close(db_);
}

std::vector<std::string> Tokens::of(std::string_view text) const {
  const std::unique_lock lock(mutex_);
  std::vector<std::string> words;
  const int code = code_->xTokenize(raw_, &words, FTS5_TOKENIZE_DOCUMENT, text.data(),
                                    static_cast<int>(text.size()), add_token);
  if (code != SQLITE_OK) fail(Code::io, "a text could not be cut into words");
  return words;
}

int32_t count_phrase(const std::vector<std::string>& words,
                     const std::vector<std::string>& phrase) {
  int32_t count = 0;
  for (auto at = words.begin();; ++at) {
    at = std::search(at, words.end(), phrase.begin(), phrase.end());
    if (at == words.end()) return count;
    ++count;
  }
}

}  // namespace corvid::memory
