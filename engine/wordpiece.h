#pragma once
// WordPiece as BERT (uncased) uses it: lower case without accents, cut at blanks and punctuation,
// then the longest known pieces from the left. Devlin et al. 2018, google-research/bert.

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace corvid::engine {

// Const and thread-safe after construction.
class WordPiece {
 public:
  // `pieces`, by id; those that go on inside a word begin with "##". The views must stay valid as
  // long as the object lives.
  explicit WordPiece(std::vector<std::string_view> pieces);
  ~WordPiece();

  // Ids in order, at most `ids_max`. A word that is not a sequence of known pieces gives `unknown`,
  // or nothing where that is negative. Bytes that are not UTF-8 are blanks.
  std::vector<int32_t> encode(std::string_view text, int32_t unknown, size_t ids_max) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace corvid::engine
