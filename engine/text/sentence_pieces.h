#pragma once
// SentencePiece's byte-pair form (Kudo and Richardson 2018, as Llama 1 and 2 use it): pieces are
// merged by score, what is in no piece becomes byte tokens.

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/text/bpe.h"

namespace corvid::engine {

// Const and thread-safe after construction. `vocabulary` must outlive it.
class SentencePieces {
 public:
  // `vocabulary`: text with plain spaces -> id. `scores` by id, higher is merged first.
  // `byte_tokens` and `unknown`: -1 where the file has none.
  SentencePieces(const PieceMap& vocabulary, std::vector<float> scores,
                 const std::array<Token, 256>& byte_tokens, Token unknown);

  // Appends the tokens of `text`, in which U+2581 is a space. Linear space, n log n time.
  void encode(std::string_view text, std::vector<Token>& out) const;

 private:
  struct Piece;
  struct Merge;
  void emit(std::string_view piece, std::vector<Token>& out) const;
  Token find(std::string_view piece) const;

  const PieceMap& vocabulary_;
  std::vector<float> scores_;
  std::array<Token, 256> byte_tokens_;
  Token unknown_;
  size_t bytes_max_ = 0;  // of a piece
};

// The same text with U+2581, SentencePiece's visible space, as plain spaces.
std::string plain_spaces(std::string_view text);

}  // namespace corvid::engine
