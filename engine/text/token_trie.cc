#include "engine/text/token_trie.h"

#include <algorithm>
#include <bit>

#include "engine/tokenizer.h"
#include "runtime/base/text.h"

namespace corvid::engine {

void TokenSet::add_all(const TokenSet& other) {
  for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
}

int64_t TokenSet::count() const {
  int64_t total = 0;
  for (uint64_t word : words_) total += std::popcount(word);
  return total;
}

Token TokenSet::first() const {
  for (size_t i = 0; i < words_.size(); ++i) {
    if (words_[i]) return static_cast<Token>(i * 64) + std::countr_zero(words_[i]);
  }
  return -1;
}

namespace {

constexpr size_t kTokenBytesMax = 200;  // longer ones are never needed inside a constraint

struct Piece {
  std::string_view bytes;
  Token token;
};

// `pieces` sorted by bytes.
std::vector<TokenTrie::Node> build(std::span<const Piece> pieces) {
  std::vector<TokenTrie::Node> nodes;
  std::vector<size_t> path;  // open nodes, by depth
  std::string_view last;
  for (const Piece& piece : pieces) {
    size_t shared = 0;
    const size_t limit = std::min(last.size(), piece.bytes.size());
    while (shared < limit && last[shared] == piece.bytes[shared]) ++shared;
    for (; path.size() > shared; path.pop_back()) {
      nodes[path.back()].skip = static_cast<int32_t>(nodes.size());
    }
    for (size_t i = shared; i < piece.bytes.size(); ++i) {
      path.push_back(nodes.size());
      nodes.push_back({static_cast<uint8_t>(piece.bytes[i]), static_cast<uint8_t>(i + 1), -1, 0});
    }
    if (nodes[path.back()].token < 0) nodes[path.back()].token = piece.token;
    last = piece.bytes;
  }
  for (size_t open : path) nodes[open].skip = static_cast<int32_t>(nodes.size());
  return nodes;
}

bool fits_any_string(std::string_view bytes) {
  return is_utf8(bytes) && std::all_of(bytes.begin(), bytes.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
  });
}

int64_t character_count(std::string_view bytes) {
  return std::count_if(bytes.begin(), bytes.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  });
}

}  // namespace

TokenTrie::TokenTrie(const Tokenizer& tokenizer)
    : plain_(tokenizer.vocab_size()), text_(tokenizer.vocab_size()) {
  std::vector<Piece> all, rest;
  std::vector<std::pair<int64_t, Token>> lengths;
  for (Token token = 0; token < tokenizer.vocab_size(); ++token) {
    const std::string_view bytes = tokenizer.bytes(token);
    if (bytes.empty() || bytes.size() > kTokenBytesMax || tokenizer.is_control(token) ||
        tokenizer.is_unused(token)) {
      continue;
    }
    all.push_back({bytes, token});
    text_.add(token);
    if (fits_any_string(bytes)) {
      plain_.add(token);
      lengths.emplace_back(character_count(bytes), token);
    } else {
      rest.push_back({bytes, token});
    }
  }
  const auto order = [](const Piece& a, const Piece& b) {
    return a.bytes != b.bytes ? a.bytes < b.bytes : a.token < b.token;
  };
  std::sort(all.begin(), all.end(), order);
  std::sort(rest.begin(), rest.end(), order);
  nodes_ = build(all);
  rest_ = build(rest);
  std::sort(lengths.rbegin(), lengths.rend());
  characters_max_ = lengths.empty() ? 0 : lengths.front().first;
  for (int64_t n = 0; n <= characters_max_; ++n) {
    by_length_at_.push_back(static_cast<int32_t>(
        std::count_if(lengths.begin(), lengths.end(), [&](const auto& l) { return l.first > n; })));
  }
  for (const auto& [length, token] : lengths) by_length_.push_back(token);
}

std::span<const Token> TokenTrie::plain_longer_than(int64_t characters) const {
  if (characters >= characters_max_) return {};
  const int32_t count = by_length_at_[static_cast<size_t>(std::max<int64_t>(characters, 0))];
  return std::span(by_length_).first(static_cast<size_t>(count));
}

}  // namespace corvid::engine
