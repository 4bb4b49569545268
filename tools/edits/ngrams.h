#pragma once
// An interpolated Kneser-Ney model of order 5 over lexer tokens in backoff form, pruned and
// quantised: n-grams are kept as 16-bit fingerprints in buckets, their log-probabilities and
// backoff weights in 8 bits. A false match is met about once in 8,000 absent n-grams.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/edits/lexer.h"

namespace corvid::tools::edits {

inline constexpr int kOrder = 5;

// A token as the model counts it: names, operators and short strings by their text, long strings
// and what the vocabulary lacks by their class.
std::string model_text(TokenKind kind, std::string_view text);
uint64_t model_hash(std::string_view model_text);
uint64_t class_hash(TokenKind kind);  // of tokens outside of the vocabulary
inline constexpr std::string_view kLineEnd = "\n";
uint64_t begin_hash();  // stands before the first token of a unit

// Hash of an n-gram, built from its last token backwards.
inline uint64_t extend_hash(uint64_t hash, uint64_t token) {
  uint64_t h = (hash ^ token) * 0x9e3779b97f4a7c15ull;
  return (h ^ (h >> 29)) + (token << 1);
}

struct NgramEntry {
  uint64_t hash = 0;
  float log_probability = 0;
  float log_backoff = 0;  // 0 where no longer n-gram begins with this one
};

// Bytes of the table of one order; `has_backoff` is false for the highest.
std::string pack_ngrams(std::vector<NgramEntry> entries, bool has_backoff);

class NgramTable {
 public:
  NgramTable() = default;
  // `bytes` are the packed tables of the orders 1 to 5. Throws corrupt naming `what`.
  NgramTable(std::string_view bytes, const std::string& what);

  bool is_known(uint64_t token) const { return find(1, extend_hash(0, token)) >= 0; }

  // log P(token | context), context[0] being the token right before; fewer than four are allowed.
  float log_probability(uint64_t token, const uint64_t* context, int context_count) const;

  size_t entry_count(int order) const { return orders_[static_cast<size_t>(order - 1)].entries; }

 private:
  struct Order {
    size_t entries = 0;
    uint64_t buckets = 0;
    std::vector<uint32_t> begins;        // (buckets + 1)
    std::vector<uint16_t> fingerprints;  // (entries), by bucket
    std::vector<uint8_t> probabilities;  // (entries)
    std::vector<uint8_t> backoffs;       // (entries) or empty
  };
  int64_t find(int order, uint64_t hash) const;

  std::array<Order, kOrder> orders_;
};

}  // namespace corvid::tools::edits
