#pragma once
// Numbers for the tokens of one file and of the candidates in it.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tools/edits/language.h"
#include "tools/edits/ngrams.h"

namespace corvid::tools::edits {

class Vocabulary {
 public:
  // Both must outlive this.
  Vocabulary(const NgramTable& table, const Language& language);

  int id(TokenKind kind, std::string_view text);
  const std::string& text(int id) const { return texts_[static_cast<size_t>(id)]; }
  TokenKind kind(int id) const { return kinds_[static_cast<size_t>(id)]; }
  // As the table knows it: of the token, or of its class where the table does not know the token.
  uint64_t hash(int id) const { return hashes_[static_cast<size_t>(id)]; }
  bool is_known(int id) const { return known_[static_cast<size_t>(id)]; }
  bool is_name(int id) const { return names_[static_cast<size_t>(id)]; }  // and no keyword
  int size() const { return static_cast<int>(texts_.size()); }

 private:
  const NgramTable& table_;
  const Language& language_;
  std::deque<std::string> texts_;
  std::vector<TokenKind> kinds_;
  std::vector<uint64_t> hashes_;
  std::vector<bool> known_, names_;
  std::unordered_map<std::string_view, int> ids_;
};

}  // namespace corvid::tools::edits
