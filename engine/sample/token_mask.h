#pragma once
// From a place in the automaton to the tokens that may stand there.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sample/automaton.h"
#include "engine/text/token_trie.h"
#include "engine/tokenizer.h"

namespace corvid::engine {

struct TokenMask {
  TokenSet allowed;
  std::vector<Token> forced;  // the tokens that must come next, in order; empty: there is a choice
};

// Where the text is settled, the tokens are those into which encode() cuts it, so that a model sees
// what it was trained on; where it is not, any token that is the beginning of an allowed text.
// Const and thread-safe.
class Masker {
 public:
  // Both must outlive it.
  Masker(const Automaton& automaton, const Tokenizer& tokenizer);

  TokenMask make(const Position& position) const;
  // Tokens of `text`, which begins at `position`: its tags as single tokens where there are such.
  std::vector<Token> encode(Position position, std::string_view text) const;
  // The one with which a finished turn ends; -1: the vocabulary has none.
  Token end_token() const { return end_token_; }

 private:
  struct Run {
    std::string text;           // the only way on
    Position position;          // behind it
    std::vector<uint8_t> next;  // bytes that may follow (at most kNextMax are listed)
    bool many = false;          // more than kNextMax
  };
  Run run(const Position& position, size_t bytes_max) const;
  void list_next(Run& run) const;
  std::vector<Token> settled(const Position& position, const Run& run) const;
  bool add_last_piece(const Position& position, const Run& run, TokenSet& set) const;
  void add_text(const Position& position, TokenSet& set) const;
  void add_walk(const Position& position, TokenSet& set) const;
  void walk(std::span<const TokenTrie::Node> nodes, const Position& position, TokenSet& set) const;
  void add_tags(const Position& position, TokenSet& set) const;
  Token tag_token(const Position& position, std::string_view rest) const;

  const Automaton& automaton_;
  const Tokenizer& tokenizer_;
  const TokenTrie& trie_;
  std::vector<Token> ends_;
  std::vector<Token> tags_;  // control tokens that are tags of calls
  std::vector<Token> watched_;  // those that alone can complete a trigger
  std::vector<Token> not_raw_;  // those that hold the end of an XML value
  Token end_token_ = -1;
};

}  // namespace corvid::engine
