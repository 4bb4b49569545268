#pragma once
// Byte-level byte-pair encoding (Sennrich et al. 2016, as GPT-2 does it).

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace corvid::engine {

using Token = int32_t;

// GPT-2's printable stand-ins for bytes: text of a vocabulary entry -> the bytes it means.
// Characters outside of the table stand for themselves.
std::string bytes_of_piece(std::string_view piece);

struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using PieceMap = std::unordered_map<std::string, Token, StringHash, std::equal_to<>>;

// The merges over bytes. Const and thread-safe after construction.
class BytePairs {
 public:
  // `vocabulary`: bytes -> id. `merges`: "left right" in order of rank, in printable form.
  // Throws corrupt for a merge without a space.
  BytePairs(const PieceMap& vocabulary, std::span<const std::string> merges);

  // Appends the tokens of one piece. Linear space, n log n time, no recursion. Bytes for which the
  // vocabulary has no token are dropped, as others do.
  void encode(std::string_view piece, std::vector<Token>& out) const;

 private:
  using Symbol = int32_t;
  struct Merge {
    int32_t rank;
    Symbol result;
  };
  static uint64_t pair(Symbol left, Symbol right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  Symbol intern(const std::string& bytes);
  const Merge* find(Symbol left, Symbol right) const;
  void emit(Symbol symbol, std::vector<Token>& out) const;

  Symbol byte_symbols_[256];
  std::vector<Token> tokens_;         // of a symbol; -1: none
  std::vector<std::string> spelled_;  // bytes of a symbol without a token, else empty
  std::unordered_map<std::string, Symbol> symbols_;
  std::unordered_map<uint64_t, Merge> merges_;
};

}  // namespace corvid::engine
