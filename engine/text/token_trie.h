#pragma once
// The vocabulary as a byte trie, for walking it along an automaton.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace corvid::engine {

class Tokenizer;
using Token = int32_t;

// A set of tokens.
class TokenSet {
 public:
  explicit TokenSet(int32_t size) : size_(size), words_((static_cast<size_t>(size) + 63) / 64) {}
  void add(Token token) { words_[index(token)] |= bit(token); }
  void remove(Token token) { words_[index(token)] &= ~bit(token); }
  bool has(Token token) const { return words_[index(token)] & bit(token); }
  void add_all(const TokenSet& other);
  int64_t count() const;
  Token first() const;  // -1: empty
  int32_t size() const { return size_; }
  std::span<const uint64_t> words() const { return words_; }

 private:
  static size_t index(Token token) { return static_cast<size_t>(token) / 64; }
  static uint64_t bit(Token token) { return uint64_t{1} << (token % 64); }
  int32_t size_;
  std::vector<uint64_t> words_;
};

// Nodes in depth-first order: a node's children follow it, `skip` is where its subtree ends.
class TokenTrie {
 public:
  struct Node {
    uint8_t byte = 0;
    uint8_t depth = 0;   // 1: first byte of a token
    Token token = -1;    // first of those that end here
    int32_t skip = 0;
  };

  explicit TokenTrie(const Tokenizer& tokenizer);

  // All tokens with text, control tokens left out; and those of them that plain() does not hold.
  std::span<const Node> nodes() const { return nodes_; }
  std::span<const Node> rest() const { return rest_; }
  // Whole UTF-8 characters without quote, backslash and control characters: these fit into any JSON
  // string that has room for them, of at most characters_max() characters.
  const TokenSet& plain() const { return plain_; }
  std::span<const Token> plain_longer_than(int64_t characters) const;
  int64_t characters_max() const { return characters_max_; }
  // All tokens of nodes().
  const TokenSet& text() const { return text_; }

 private:
  std::vector<Node> nodes_, rest_;
  TokenSet plain_, text_;
  std::vector<Token> by_length_;       // plain tokens, longest first
  std::vector<int32_t> by_length_at_;  // how many are longer than n characters
  int64_t characters_max_ = 0;
};

}  // namespace corvid::engine
